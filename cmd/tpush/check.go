package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tpush/tpush/beans"
)

// checkCommand says what is wrong with a configuration.
type checkCommand struct {
	source
	Strict bool `help:"Exit with 1 when there are warnings."`
	JSON   bool `name:"json" help:"Print the findings as JSON."`
}

// Run implements the command: everything is read, decoded and built, which
// opens no connection.
func (c *checkCommand) Run(ctx context.Context, std streams) error {
	if file, findings, err := c.parse(); c.JSON && err == nil && file == nil {
		return errors.Join(exit(exitConfig), printJSON(std, findings))
	}
	file, err := c.load(std.err)
	if err != nil {
		return err
	}
	findings, err := findAll(ctx, &c.source, file)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(std, findings)
	} else {
		c.printAll(std.out, findings)
	}
	if err != nil {
		return err
	}
	return verdict(findings, c.Strict)
}

// printAll prints the findings in a file, and how many there are.
func (s *source) printAll(w io.Writer, findings beans.Findings) {
	src := s.lines()
	for _, f := range findings {
		if f.Severity != beans.Note {
			printFinding(w, f, src)
		}
	}
	fmt.Fprintf(w, "%s: %s, %s\n", s.name(), plural(findings.Count(beans.Fault), "error"), plural(findings.Count(beans.Warning), "warning"))
}

// verdict is the exit code for findings; nil when they are good enough.
func verdict(findings beans.Findings, strict bool) error {
	switch {
	case findings.Count(beans.Fault) > 0:
		return exit(exitConfig)
	case strict && findings.Count(beans.Warning) > 0:
		return exit(exitFailed)
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func printJSON(std streams, findings beans.Findings) error {
	type row struct {
		Severity beans.Severity `json:"severity"`
		File     string         `json:"file"`
		Line     int            `json:"line"`
		Column   int            `json:"column"`
		Bean     string         `json:"bean,omitempty"`
		Message  string         `json:"message"`
		Hint     string         `json:"hint,omitempty"`
	}
	rows := make([]row, 0, len(findings))
	for _, f := range findings {
		rows = append(rows, row{f.Severity, f.Pos.File, f.Pos.Line, f.Pos.Col, f.Bean, f.Msg, f.Hint})
	}
	e := json.NewEncoder(std.out)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

// beansCommand shows the graph.
type beansCommand struct {
	source
	Dot      bool     `help:"Print it in the language of Graphviz."`
	Activate []string `help:"Show a bean as active that the file marks active: false." placeholder:"NAME"`
}

// Run implements the command.
func (c *beansCommand) Run(ctx context.Context, std streams) error {
	file, err := c.load(std.err)
	if err != nil {
		return err
	}
	g, buildErr := beans.Build(ctx, file, c.environment(file), classes(c.Home), slog.New(slog.DiscardHandler), c.Activate...)
	if c.Dot {
		err = g.WriteDot(std.out)
	} else {
		err = g.WriteTree(std.out)
	}
	if err = errors.Join(err, g.Close()); err != nil {
		return err
	}
	if buildErr != nil {
		printFailure(std.err, buildErr)
		return exit(exitConfig)
	}
	return nil
}
