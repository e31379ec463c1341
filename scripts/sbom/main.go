// Command sbom tells what a built program consists of: as a CycloneDX document,
// or as the text of NOTICE with all licences. The modules are those that the Go
// linker has written into the program; their licences are read from the module
// cache.
package main

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// part is one module in the program, or Go's standard library.
type part struct {
	Path, Version string
	Sum           string   // go.sum's: h1: and base64
	Licence       string   // SPDX
	Texts         []string // licence, notice and patent files
}

func main() {
	program := flag.String("program", "", "the built program")
	format := flag.String("format", "cyclonedx", "cyclonedx or notice")
	version := flag.String("version", "", "the program's version")
	date := flag.String("date", "", "when its source was committed (RFC 3339)")
	flag.Parse()
	if err := run(os.Stdout, *program, *format, *version, *date); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, program, format, version, date string) error {
	parts, err := partsOf(program)
	if err != nil {
		return err
	}
	switch format {
	case "cyclonedx":
		return writeCycloneDX(w, parts, program, version, date)
	case "notice":
		return writeNotice(w, parts)
	}
	return fmt.Errorf("format %q: it is cyclonedx or notice", format)
}

// partsOf reads the modules from a program, with their licences.
func partsOf(program string) ([]part, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read the program: %w", err)
	}
	folders, err := folders()
	if err != nil {
		return nil, err
	}
	goroot, err := output("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	folders["std"] = strings.TrimSpace(goroot)
	parts := []part{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, part{Path: m.Path, Version: m.Version, Sum: m.Sum})
	}
	var errs []error
	for i := range parts {
		errs = append(errs, parts[i].readLicence(folders[parts[i].Path]))
	}
	return parts, errors.Join(errs...)
}

// folders says where in the module cache each module is.
func folders() (map[string]string, error) {
	text, err := output("go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}", "all")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(text) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		out[path] = dir
	}
	return out, nil
}

func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(text), nil
}

// legal are the files that a licence can ask to hand on.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-_.].*)?$`)

func (p *part) readLicence(dir string) error {
	if dir == "" {
		return fmt.Errorf("%s is not in the module cache: run go mod download", p.Path)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the licence of %s: %w", p.Path, err)
	}
	for _, e := range entries {
		if e.IsDir() || !legal.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("read the licence of %s: %w", p.Path, err)
		}
		clean := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		p.Texts = append(p.Texts, clean)
		if id := identify(clean); id != "" && !slices.Contains(strings.Split(p.Licence, " AND "), id) {
			p.Licence = strings.TrimPrefix(p.Licence+" AND "+id, " AND ")
		}
	}
	if p.Licence == "" {
		return fmt.Errorf("the licence of %s in %s is not one that is known here", p.Path, dir)
	}
	return nil
}

// identify recognises a licence by words that no other has.
func identify(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	has := func(s string) bool { return strings.Contains(flat, s) }
	switch {
	case has("Apache License") && has("Version 2.0") && has("TERMS AND CONDITIONS"):
		return "Apache-2.0"
	case has("Mozilla Public License Version 2.0") || has("Mozilla Public License, version 2.0"):
		return "MPL-2.0"
	case has("Redistribution and use in source and binary forms"):
		if has("Neither the name") || has("may be used to endorse or promote") {
			return "BSD-3-Clause"
		}
		return "BSD-2-Clause"
	case has("Permission is hereby granted, free of charge"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software for any"),
		has("Permission to use, copy, modify, and distribute this software for any"):
		return "ISC"
	}
	return ""
}
