package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// source says which configuration a command works on.
type source struct {
	File       string            `arg:"" optional:"" help:"Configuration file (default etc/config.tdsl); - is standard input." placeholder:"FILE"`
	ConfigFile string            `help:"The same, as Tigase has it." aliases:"property-file" placeholder:"FILE"`
	Home       string            `help:"Folder that relative paths in the configuration are below." default:"." placeholder:"DIR"`
	Env        map[string]string `help:"Set env('NAME') for the configuration." placeholder:"NAME=VALUE" mapsep:"none"`
	Prop       map[string]string `short:"D" help:"Set prop('NAME') for the configuration." placeholder:"NAME=VALUE" mapsep:"none"`

	text []byte // what was read; nil: nothing yet
}

// defaultFile is below the home folder.
const defaultFile = "etc/config.tdsl"

// name is the file's name.
func (s *source) name() string {
	switch {
	case s.File == "-":
		return "/dev/stdin"
	case s.File != "":
		return s.File
	case s.ConfigFile != "":
		return s.ConfigFile
	}
	return filepath.Join(s.Home, defaultFile)
}

// read returns the file's text. It is read once: a pipe gives it only once.
func (s *source) read() (text []byte, err error) {
	if s.text == nil {
		s.text, err = readText(s.name())
	}
	return s.text, err
}

// readText reads a configuration, and of one that is too large no more than
// shows that it is.
func readText(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, tdsl.MaxSize+1))
}

// lines are those of the file, for messages.
func (s *source) lines() *lines {
	text, err := s.read()
	if err != nil {
		return newLines(nil)
	}
	return newLines(text)
}

// environment is what variables are taken from: the flags, the process's
// environment, and for properties the file's globals that begin with two dashes
// (Tigase makes system properties of them). The file may be nil.
func (s *source) environment(file *tdsl.File) tdsl.Env {
	env := tdsl.Env{Var: func(name string) (string, bool) {
		if v, ok := s.Env[name]; ok {
			return v, true
		}
		return os.LookupEnv(name)
	}}
	env.Prop = func(name string) (string, bool) {
		if v, ok := s.Prop[name]; ok || file == nil {
			return v, ok
		}
		value := file.Root.Lookup("--" + name)
		if value == nil {
			return "", false
		}
		v, err := value.Eval(tdsl.Env{Var: env.Var})
		if err != nil || v == nil {
			return "", false
		}
		return fmt.Sprint(v), true
	}
	return env
}

// load reads the configuration. What is wrong with it is printed; the error is
// then only the exit code.
func (s *source) load(w io.Writer) (*tdsl.File, error) {
	file, findings, err := s.parse()
	if err != nil {
		fmt.Fprintf(w, "tpush: cannot read the configuration: %v\n", err)
		if s.File == "" && s.ConfigFile == "" {
			fmt.Fprintf(w, "Name a file, or try tpush demo, which needs none.\n")
		}
		return nil, exit(exitConfig)
	}
	if file == nil {
		src := s.lines()
		for _, f := range findings {
			printFinding(w, f, src)
		}
		fmt.Fprintf(w, "%s: %s\n", s.name(), plural(findings.Count(beans.Fault), "error"))
		return nil, exit(exitConfig)
	}
	return file, nil
}

// parse reads the configuration. For a text that is at fault the file is nil and
// the findings say why.
func (s *source) parse() (*tdsl.File, beans.Findings, error) {
	text, err := s.read()
	if err != nil {
		return nil, nil, err
	}
	file, err := tdsl.Load(s.name(), bytes.NewReader(text))
	var all tdsl.Errors
	if !errors.As(err, &all) {
		return file, nil, err
	}
	var findings beans.Findings
	if file != nil {
		for _, e := range file.Warnings {
			findings = append(findings, beans.Finding{Severity: beans.Warning, Pos: e.Pos, Msg: e.Msg, Hint: e.Hint})
		}
	}
	for _, e := range all {
		findings = append(findings, beans.Finding{Severity: beans.Fault, Pos: e.Pos, Msg: e.Msg, Hint: e.Hint})
	}
	inOrder(findings)
	return nil, findings, nil
}
