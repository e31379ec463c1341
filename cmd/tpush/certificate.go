package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"golang.org/x/term"
)

// certificateCommand works on the certificates that are kept in the database,
// whether the program runs or not. Programs that run take a change over within a
// minute.
type certificateCommand struct {
	Set    certificateSet    `cmd:"" help:"Store a certificate for a provider, in place of any before."`
	Show   certificateShow   `cmd:"" help:"Show the certificates in use and when they expire."`
	Remove certificateRemove `cmd:"" help:"Remove the stored certificate of a provider."`
}

// whichPush chooses the push component, where there are several.
type whichPush struct {
	Push string `help:"Name of the push component, if there are several." placeholder:"NAME"`
}

// certificateSet stores a certificate.
type certificateSet struct {
	Provider    string `arg:"" help:"Provider id, e.g. apns-binary-api."`
	Certificate string `arg:"" help:"The file: .p12, or PEM with the key." type:"existingfile"`
	source
	whichPush
	PasswordEnv string `help:"Environment variable with the password; without it, the password is asked for." placeholder:"NAME"`
	JSON        bool   `name:"json" help:"Print JSON."`
}

// Run implements the command.
func (c *certificateSet) Run(ctx context.Context, io streams) error {
	data, err := os.ReadFile(c.Certificate)
	if err != nil {
		return err
	}
	password, err := c.password(data, io)
	if err != nil {
		return err
	}
	g, p, err := c.component(ctx, io.err, c.Push)
	if err != nil {
		return err
	}
	defer g.Close()
	expires, err := p.Service().SetCertificate(ctx, c.Provider, base64.StdEncoding.EncodeToString(data), password)
	if errors.Is(err, providers.ErrCertificateFixed) {
		return fmt.Errorf("%s: %w", c.Provider, err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(io.out).Encode(map[string]any{"provider": c.Provider, "expires": expires})
	}
	fmt.Fprintf(io.out, "stored; it is valid until %s. Programs that run use it within a minute.\n", expires.UTC().Format(time.DateOnly))
	return nil
}

// password is taken from the environment, or asked for on a terminal. A PEM
// file's key has none as a rule.
func (c *certificateSet) password(data []byte, io streams) (string, error) {
	if c.PasswordEnv != "" {
		p, ok := os.LookupEnv(c.PasswordEnv)
		if !ok {
			return "", fmt.Errorf("the environment has no variable %s", c.PasswordEnv)
		}
		return p, nil
	}
	if bytes.Contains(data, []byte("-----BEGIN")) && !bytes.Contains(data, []byte("ENCRYPTED")) {
		return "", nil
	}
	fmt.Fprint(io.err, "Password of the file: ")
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		p, err := term.ReadPassword(in)
		fmt.Fprintln(io.err)
		return string(p), err
	}
	var line [1024]byte
	n, err := os.Stdin.Read(line[:])
	fmt.Fprintln(io.err)
	if n == 0 && err != nil {
		return "", errors.New("there is no terminal to ask for the password: name a variable with --password-env, or give it on standard input")
	}
	return strings.TrimRight(string(line[:n]), "\r\n"), nil
}

// certificateShow shows certificates.
type certificateShow struct {
	source
	JSON bool `name:"json" help:"Print JSON."`
}

// shownCertificate is a certificate in use.
type shownCertificate struct {
	Push     string    `json:"push"`
	Provider string    `json:"provider"`
	From     string    `json:"from"` // the property, or "database"
	Detail   string    `json:"detail"`
	Expires  time.Time `json:"expires"`
}

// Run implements the command.
func (c *certificateShow) Run(ctx context.Context, io streams) error {
	g, err := c.started(ctx, io.err)
	if err != nil {
		return err
	}
	defer g.Close()
	all := []shownCertificate{}
	for _, p := range beans.Built[*pushBean](g) {
		if err := p.Service().SyncCertificates(ctx); err != nil {
			fmt.Fprintf(io.err, "tpush: %v\n", err)
		}
	}
	each(g.Root, func(b *beans.Bean) {
		x, ok := b.Built().(providers.Expirer)
		if !ok {
			return
		}
		above, _, _ := strings.Cut(b.Path(), "/")
		for _, e := range x.Expiries() {
			from := e.What
			if from == providers.FromAdmin {
				from = "database"
			}
			all = append(all, shownCertificate{above, b.Name, from, e.Detail, e.At})
		}
	})
	if c.JSON {
		e := json.NewEncoder(io.out)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	t := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PROVIDER\tFROM\tVALID UNTIL\tCERTIFICATE")
	for _, s := range all {
		fmt.Fprintf(t, "%s/%s\t%s\t%s\t%s\n", s.Push, s.Provider, s.From, s.Expires.UTC().Format(time.DateOnly), s.Detail)
	}
	return t.Flush()
}

// certificateRemove removes a stored certificate.
type certificateRemove struct {
	Provider string `arg:"" help:"Provider id, e.g. apns-binary-api."`
	source
	whichPush
}

// Run implements the command.
func (c *certificateRemove) Run(ctx context.Context, io streams) error {
	g, p, err := c.component(ctx, io.err, c.Push)
	if err != nil {
		return err
	}
	defer g.Close()
	err = p.Service().RemoveCertificate(ctx, c.Provider)
	if errors.Is(err, repository.ErrNotFound) {
		fmt.Fprintf(io.err, "tpush: no certificate is stored for %s\n", c.Provider)
		return exit(exitFailed)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "removed. Programs that run take it out of use within a minute.\n")
	return nil
}
