package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/tpush/tpush/repository"
)

// Formats of files with devices.
const (
	formatCSV   = "csv"
	formatLines = "jsonl"
)

// deviceRecord is a device in a file. Its fields are the columns of the CSV.
type deviceRecord struct {
	Service     string `json:"service"`
	Account     string `json:"account"`
	Node        string `json:"node"`
	Provider    string `json:"provider"`
	Token       string `json:"token"`
	SecondToken string `json:"second_token,omitempty"`
	Registered  string `json:"registered,omitempty"` // RFC 3339
	Accepted    string `json:"accepted,omitempty"`
	Sandbox     bool   `json:"sandbox,omitempty"`
}

var deviceColumns = []string{"service", "account", "node", "provider", "token", "second_token", "registered", "accepted", "sandbox"}

func recordOf(d repository.Device) deviceRecord {
	return deviceRecord{d.Service, d.Account, d.Node, d.Provider, d.Token, d.SecondToken, stamp(d.Registered), stamp(d.LastAccepted), d.Sandbox}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (r *deviceRecord) columns() []string {
	return []string{r.Service, r.Account, r.Node, r.Provider, r.Token, r.SecondToken, r.Registered, r.Accepted, strconv.FormatBool(r.Sandbox)}
}

func (r *deviceRecord) device() (repository.Device, error) {
	d := repository.Device{Service: r.Service, Account: r.Account, Node: r.Node, Provider: r.Provider, Token: r.Token, SecondToken: r.SecondToken, Sandbox: r.Sandbox}
	for _, t := range []struct {
		text string
		into *time.Time
	}{{r.Registered, &d.Registered}, {r.Accepted, &d.LastAccepted}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, t.text)
		if err != nil {
			return d, fmt.Errorf("%q is no time such as 2026-05-01T12:00:00Z", t.text)
		}
		*t.into = at
	}
	return d, nil
}

// deviceWriter writes devices one at a time; done ends the file.
func deviceWriter(w io.Writer, format string) (write func(deviceRecord) error, done func() error) {
	b := bufio.NewWriterSize(w, 1<<16)
	if format == formatLines {
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		return func(r deviceRecord) error { return e.Encode(r) }, b.Flush
	}
	c := csv.NewWriter(b)
	head := c.Write(deviceColumns)
	return func(r deviceRecord) error { return c.Write(r.columns()) }, func() error {
		c.Flush()
		return errors.Join(head, c.Error(), b.Flush())
	}
}

// deviceReader reads the devices of either format, which the first byte tells.
// It returns io.EOF at the end; errors tell the line.
func deviceReader(r io.Reader) (func() (repository.Device, error), error) {
	b := bufio.NewReaderSize(r, 1<<16)
	first, err := b.Peek(1)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	if first[0] == '{' {
		return lineReader(b), nil
	}
	return csvReader(b)
}

// maxLine is the longest line of a file with devices: tokens have at most 4096
// characters, addresses 2049.
const maxLine = 1 << 17

func lineReader(r io.Reader) func() (repository.Device, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	return func() (repository.Device, error) {
		for lines.Scan() {
			n++
			if len(lines.Bytes()) == 0 {
				continue
			}
			var rec deviceRecord
			if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
				return repository.Device{}, fmt.Errorf("line %d: it is no JSON object as an export has it: %w", n, err)
			}
			d, err := rec.device()
			return d, atLine(n, err)
		}
		if err := lines.Err(); err != nil {
			return repository.Device{}, atLine(n+1, err)
		}
		return repository.Device{}, io.EOF
	}
}

func csvReader(r io.Reader) (func() (repository.Device, error), error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("read the column names: %w", err)
	}
	place := map[string]int{}
	for _, name := range deviceColumns {
		at := slices.Index(head, name)
		if at < 0 && slices.Contains(deviceColumns[:5], name) {
			return nil, fmt.Errorf("there is no column %q: the first line names the columns, as an export has it", name)
		}
		place[name] = at
	}
	return func() (repository.Device, error) {
		row, err := c.Read()
		if err != nil {
			return repository.Device{}, err // tells its line, or is io.EOF
		}
		field := func(name string) string {
			if at := place[name]; at >= 0 {
				return row[at]
			}
			return ""
		}
		rec := deviceRecord{field("service"), field("account"), field("node"), field("provider"), field("token"),
			field("second_token"), field("registered"), field("accepted"), field("sandbox") == "true"}
		d, err := rec.device()
		line, _ := c.FieldPos(0)
		return d, atLine(line, err)
	}, nil
}

func atLine(n int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d: %w", n, err)
}
