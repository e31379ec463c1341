package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// pages are the pages for administrators, one a topic.
//
//go:embed docs/*.md
var pages embed.FS

// helpCommand shows the pages for administrators.
type helpCommand struct {
	Topic string `arg:"" optional:"" help:"The page to show; without it, the list of pages."`
}

// Run implements the command.
func (c *helpCommand) Run(_ context.Context, io streams) error {
	names, err := fs.Glob(pages, "docs/*.md")
	if err != nil {
		return fmt.Errorf("list the pages: %w", err)
	}
	if c.Topic != "" {
		text, err := pages.ReadFile("docs/" + strings.TrimSuffix(c.Topic, ".md") + ".md")
		if err == nil {
			_, err = io.out.Write(text)
			return err
		}
		fmt.Fprintf(io.err, "tpush: there is no page '%s'. There are:\n\n", c.Topic)
	}
	out := io.out
	if c.Topic != "" {
		out = io.err
	} else {
		fmt.Fprintln(out, "tpush --help tells the commands and their options. Pages, shown by tpush help TOPIC:")
		fmt.Fprintln(out)
	}
	for _, name := range names {
		text, err := pages.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read a page: %w", err)
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), "\n")
		fmt.Fprintf(out, "  %-14s %s\n", strings.TrimSuffix(path.Base(name), ".md"), title)
	}
	if c.Topic != "" {
		return exit(exitConfig)
	}
	return nil
}
