package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// writeNotice writes the licences of all parts; a text that several have comes
// once.
func writeNotice(w io.Writer, parts []part) error {
	var b strings.Builder
	b.WriteString("tpush\n\ntpush itself is under the Apache License 2.0 (file LICENSE). The program contains these parts:\n\n")
	var order []string
	users := map[string][]string{}
	for _, p := range parts {
		name := p.Path
		if name == "std" {
			name = "the Go standard library"
		}
		fmt.Fprintf(&b, "  %-70s %s\n", strings.TrimSpace(name+" "+p.Version), p.Licence)
		for _, text := range p.Texts {
			if users[text] == nil {
				order = append(order, text)
			}
			users[text] = append(users[text], name)
		}
	}
	for _, text := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(users[text], "\n"), text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CycloneDX 1.5, as far as it is used.
type (
	document struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp,omitempty"`
		Component component `json:"component"`
	}
	component struct {
		Ref      string    `json:"bom-ref"`
		Type     string    `json:"type"`
		Name     string    `json:"name"`
		Version  string    `json:"version"`
		PURL     string    `json:"purl,omitempty"`
		Hashes   []hash    `json:"hashes,omitempty"`
		Licences []licence `json:"licenses,omitempty"`
	}
	hash struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	}
	licence struct {
		Expression string `json:"expression"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

func writeCycloneDX(w io.Writer, parts []part, program, version, date string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	sum := sha256.Sum256(data)
	self := component{
		Ref: "tpush", Type: "application", Name: "tpush", Version: version,
		Hashes:   []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Licences: []licence{{"Apache-2.0"}},
	}
	d := document{
		Format: "CycloneDX", Spec: "1.5", Serial: serial(sum), Version: 1,
		Metadata:     metadata{date, self},
		Dependencies: []dependency{{Ref: self.Ref}},
	}
	for _, p := range parts {
		c := component{
			Ref: p.Path + "@" + p.Version, Type: "library", Name: p.Path, Version: p.Version,
			PURL:     "pkg:golang/" + p.Path + "@" + p.Version,
			Licences: []licence{{p.Licence}},
		}
		// h1: is the SHA-256 of the module's file list in base64.
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Sum, "h1:")); err == nil && len(raw) == sha256.Size {
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(raw)}}
		}
		d.Components = append(d.Components, c)
		d.Dependencies[0].On = append(d.Dependencies[0].On, c.Ref)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

// serial is a UUID that is the same for the same program.
func serial(sum [sha256.Size]byte) string {
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return "urn:uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
