// Package ext is the ext bean: it says which XMPP servers this program is a
// component of, keeps the connections to them, hands requests to the component
// that a domain is bound to, and sends its answers.
//
// It does not know what the components do.
package ext

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ItemsFile is Tigase's file of connection items, relative to the home
// directory. Tigase deletes it after reading; it is only read here.
const ItemsFile = "etc/externalComponentItems"

// Config is what the ext bean reads.
type Config struct {
	// Items are the component domains and their servers. They come before those
	// of etc/externalComponentItems: the first source that has a domain counts.
	Items []Item `tdsl:"items,secret"`
	// PerHost is the number of connections to each address of a server that
	// allows several (Tigase, ejabberd). With one, its loss makes the domain
	// unknown to the server for a moment, which costs registrations.
	PerHost int `tdsl:"connections-per-host"`
	// ServerHost is dialled for items that name no host.
	ServerHost string `tdsl:"server-host"`
	// ConfigType is Tigase's role of the process.
	ConfigType string `tdsl:",alias=config-type"`
}

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config {
	return Config{PerHost: 2, ServerHost: "localhost", ConfigType: "default"}
}

// items joins the configured items with those of the items file below home.
func (c *Config) items(home string) ([]Item, error) {
	name := filepath.Join(home, ItemsFile)
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read connection items: %w", err)
	}
	fromFile, err := parseItems(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	all := append(append([]Item(nil), c.Items...), fromFile...)
	for i := range all {
		if err := all[i].prepare(c.ConfigType == configComponent); err != nil {
			return nil, err
		}
	}
	return firsts(all), nil
}

// parseItems reads the items file: one or more items per line, separated by
// commas. Lines that begin with # are comments.
func parseItems(text []byte) ([]Item, error) {
	var items []Item
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		for part := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			var it Item
			if err := it.UnmarshalText([]byte(part)); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			items = append(items, it)
		}
	}
	return items, lines.Err()
}
