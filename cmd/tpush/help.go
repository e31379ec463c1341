package main

import (
	"embed"
	"fmt"
	"io"
	"path"
	"strings"
)

// docs are the pages for administrators.
//
//go:embed docs/*.md
var docs embed.FS

// helpCommand shows a page of the manual.
type helpCommand struct {
	Topic string `arg:"" optional:"" help:"Name of a page." placeholder:"TOPIC"`
}

// Run implements the command.
func (c *helpCommand) Run(io streams) error {
	if c.Topic == "" {
		fmt.Fprintln(io.out, "Pages of the manual; tpush help TOPIC shows one:")
		fmt.Fprintln(io.out)
		return listTopics(io.out)
	}
	page, err := docs.ReadFile(path.Join("docs", strings.ToLower(c.Topic)+".md"))
	if err != nil {
		fmt.Fprintf(io.err, "tpush: there is no page %q. There are:\n\n", c.Topic)
		if err := listTopics(io.err); err != nil {
			return err
		}
		return exit(exitConfig)
	}
	_, err = io.out.Write(page)
	return err
}

// listTopics writes each page's name and title.
func listTopics(w io.Writer) error {
	pages, err := docs.ReadDir("docs")
	if err != nil {
		return err
	}
	for _, p := range pages {
		text, err := docs.ReadFile(path.Join("docs", p.Name()))
		if err != nil {
			return err
		}
		title, _, _ := strings.Cut(string(text), "\n")
		fmt.Fprintf(w, "  %-12s %s\n", strings.TrimSuffix(p.Name(), ".md"), strings.TrimLeft(title, "# "))
	}
	return nil
}
