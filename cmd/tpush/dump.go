package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// dumpCommand prints a configuration as the program sees it.
type dumpCommand struct {
	source
	Tree    bool `help:"Print the file as read, as JSON; with --env or --prop, only those variables exist."`
	Written bool `help:"Print the file as Tigase's configuration writer would."`
}

// Run implements the command.
func (c *dumpCommand) Run(ctx context.Context, io streams) error {
	if c.Tree || c.Written {
		return c.tree(io)
	}
	file, err := c.load(io.err)
	if err != nil {
		return err
	}
	env := c.environment(file)
	g, buildErr := beans.Build(ctx, file, env, classes(c.Home), slog.New(slog.DiscardHandler))
	if err := errors.Join(tdsl.Format(io.out, g.Dump(env)), g.Close()); err != nil {
		return err
	}
	if buildErr != nil {
		printFailure(io.err, buildErr)
		return exit(exitConfig)
	}
	return nil
}

// tree prints the file as read; a refused one as JSON of its error.
func (c *dumpCommand) tree(io streams) error {
	text, err := c.read()
	if err != nil {
		fmt.Fprintf(io.err, "tpush: cannot read the configuration: %v\n", err)
		return exit(exitConfig)
	}
	file, err := tdsl.Load(c.name(), bytes.NewReader(text))
	if err != nil {
		out, ok := tdsl.ErrorJSON(err)
		if !ok {
			return err
		}
		fmt.Fprintf(io.out, "%s\n", out)
		return exit(exitConfig)
	}
	src := c.lines()
	for _, w := range file.Warnings {
		printFinding(io.err, beans.Finding{Severity: beans.Warning, Pos: w.Pos, Msg: w.Msg, Hint: w.Hint}, src)
	}
	if c.Written {
		return tdsl.Format(io.out, file)
	}
	env := c.environment(nil)
	if len(c.Env)+len(c.Prop) > 0 {
		env.Var = func(name string) (string, bool) { v, ok := c.Env[name]; return v, ok }
	}
	out, err := file.JSON(env)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%s\n", out)
	return nil
}

// fmtCommand lays a configuration out.
type fmtCommand struct {
	source
	Check bool `help:"Print nothing; exit with 1 when the file is laid out differently."`
	Write bool `short:"w" help:"Write the result back to the file."`
}

// Run implements the command.
func (c *fmtCommand) Run(_ context.Context, io streams) error {
	if _, err := c.load(io.err); err != nil {
		return err
	}
	name := c.name()
	text, err := c.read()
	if err != nil {
		return err
	}
	out, err := tdsl.Canonical(name, string(text))
	switch {
	case err != nil:
		return err
	case c.Check && out != string(text):
		fmt.Fprintf(io.err, "%s is laid out differently: tpush fmt -w %s mends it\n", name, name)
		return exit(exitFailed)
	case c.Check:
		return nil
	case c.Write && out == string(text):
		return nil
	case c.Write:
		return replaceFile(name, out)
	}
	_, err = fmt.Fprint(io.out, out)
	return err
}

// replaceFile writes a file anew so that it is either the old or the new one,
// whatever happens.
func replaceFile(name, text string) error {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	next := name + ".new"
	if err := os.WriteFile(next, []byte(text), mode); err != nil {
		return fmt.Errorf("write %s: %w", next, err)
	}
	if err := os.Rename(next, name); err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", name, err), os.Remove(next))
	}
	return nil
}

// showConfig gives the push components the effective configuration to show to
// administrators, secrets masked.
func showConfig(g *beans.Graph, env tdsl.Env) {
	text := func() (string, error) {
		var b bytes.Buffer
		err := tdsl.Format(&b, g.Dump(env))
		return b.String(), err
	}
	for _, p := range beans.Built[*pushBean](g) {
		p.ShowConfig(text)
	}
}
