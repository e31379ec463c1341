// Package ext is the ext bean: it says which XMPP servers this program is a
// component of, keeps the connections to them, hands requests to the component
// that a domain is bound to, and sends its answers.
//
// It does not know what the components do.
package ext

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// ItemsFile is Tigase's file of connection items, relative to the home
// directory. Tigase deletes it after reading; it is only read here.
const ItemsFile = "etc/externalComponentItems"

// Config is what the ext bean reads.
type Config struct {
	// Items are the component domains and their servers; a domain with several
	// items has connections to each. They come before those of etc/externalComponentItems: the
	// first source that has a domain counts.
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

// items joins the configured items with those of the items file below home. An
// item of the configuration that is wrong is an error; one of the file is left
// out with a warning, since the file may be the server's.
func (c *Config) items(home string, l *slog.Logger) ([]Item, error) {
	listens := c.ConfigType == configComponent
	own := append([]Item(nil), c.Items...)
	for i := range own {
		err := own[i].prepare(listens)
		if err == nil {
			_, err = newDialer(&own[i], home)
		}
		if err != nil {
			return nil, fmt.Errorf("items[%d]: %w", i+1, err)
		}
	}
	name := filepath.Join(home, ItemsFile)
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read connection items: %w", err)
	}
	var file []Item
	for _, line := range parseItems(text) {
		if line.err == nil {
			line.err = line.item.prepare(listens)
		}
		if line.err != nil {
			l.Warn("connection item left out", "at", fmt.Sprintf("%s:%d", name, line.number), "err", line.err)
			continue
		}
		file = append(file, line.item)
	}
	return firsts(own, file), nil
}

// itemLine is an item of the items file, or why it is none.
type itemLine struct {
	number int
	item   Item
	err    error
}

// parseItems reads the items file: one or more items per line, separated by
// commas. Lines that begin with # are comments; a byte order mark is no part of
// the first domain.
func parseItems(text []byte) (all []itemLine) {
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		for part := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			l := itemLine{number: number}
			l.err = l.item.UnmarshalText([]byte(part))
			all = append(all, l)
		}
	}
	return all
}
