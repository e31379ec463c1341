package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	bsd := "Redistribution and use in source and binary\nforms, with or without modification, are permitted"
	for text, want := range map[string]string{
		"Apache License\nVersion 2.0, January 2004\nTERMS AND CONDITIONS FOR USE": "Apache-2.0",
		"Mozilla Public License Version 2.0":                                      "MPL-2.0",
		bsd:                                                                       "BSD-2-Clause",
		bsd + "\nNeither the name of the author":                                  "BSD-3-Clause",
		"Permission is hereby granted, free of charge, to any person":                   "MIT",
		"Permission to use, copy, modify, and distribute this software for any purpose": "ISC",
		"All rights reserved": "",
	} {
		if got := identify(text); got != want {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}

// TestLicencesAreKnown looks at what the program is made of: a part with a
// licence that is not known here would stop the next release.
func TestLicencesAreKnown(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", "../../cmd/tpush").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Compact(slices.Sorted(strings.Lines(string(out))))
	for _, line := range lines {
		path, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue // of the standard library, or our own
		}
		p := part{Path: path}
		if err := p.readLicence(dir); err != nil {
			t.Error(err)
		}
	}
	if len(lines) < 10 {
		t.Errorf("only %d parts found", len(lines))
	}
}

// TestDocuments writes both kinds for this very test program's parts.
func TestDocuments(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	parts := []part{
		{Path: "std", Version: "1.26", Licence: "BSD-3-Clause", Texts: []string{"text A"}},
		{Path: "example.com/m", Version: "v1.0.0", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", Licence: "MIT", Texts: []string{"text B", "text A"}},
	}
	var b strings.Builder
	if err := writeNotice(&b, parts); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "text A"); n != 1 {
		t.Errorf("a text that two have comes %d times", n)
	}
	b.Reset()
	if err := writeCycloneDX(&b, parts, program, "1.2.3", "2026-01-01T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal([]byte(b.String()), &d); err != nil {
		t.Fatal(err)
	}
	c := d.Components[1]
	if d.Format != "CycloneDX" || d.Metadata.Component.Version != "1.2.3" || c.PURL != "pkg:golang/example.com/m@v1.0.0" || len(c.Hashes) != 1 || !strings.HasPrefix(c.Hashes[0].Content, "e3b0c442") {
		t.Errorf("%s", b.String())
	}
}
