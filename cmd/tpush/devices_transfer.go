package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tpush/tpush/repository"
)

// devicesExport writes devices to a file, with their tokens.
type devicesExport struct {
	source
	whichDevices
	Output string `short:"o" help:"File to write; without it, standard output." placeholder:"FILE"`
	Format string `help:"csv or jsonl (JSON Lines); by default by the file's name, else csv." enum:"csv,jsonl," default:""`
	JSON   bool   `name:"json" help:"Print the number as JSON."`
}

// Run implements the command.
func (c *devicesExport) Run(ctx context.Context, io streams) (err error) {
	ds, devices, err := c.devices(ctx, io.err)
	if err != nil {
		return err
	}
	defer ds.Close()
	defer devices.Close()
	// Only for the progress: what takes too long to count can be exported.
	number, _ := devices.Number(ctx)
	out := io.out
	if c.Output != "" {
		// Tokens are nobody else's affair.
		f, err := os.OpenFile(c.Output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	n, err := c.write(ctx, devices, out, newProgress(io.err, "export", number))
	if err != nil {
		return fmt.Errorf("after %s: %w", plural(n, "device"), err)
	}
	if c.Output != "" {
		return transferred(io.out, c.JSON, n, "exported")
	}
	return nil
}

func (c *devicesExport) write(ctx context.Context, devices *repository.Devices, w io.Writer, p *progress) (n int, err error) {
	defer p.end()
	format := c.Format
	if format == "" && (strings.HasSuffix(c.Output, ".jsonl") || strings.HasSuffix(c.Output, ".ndjson")) {
		format = formatLines
	}
	write, done := deviceWriter(w, format)
	for d, err := range devices.All(ctx) {
		if err != nil {
			return n, errors.Join(err, done())
		}
		p.add(1)
		if !c.take(&d) {
			continue
		}
		if err := write(recordOf(d)); err != nil {
			return n, err
		}
		n++
	}
	return n, done()
}

// transferred says how many devices there were.
func transferred(w io.Writer, asJSON bool, n int, verb string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(map[string]int{verb: n})
	}
	_, err := fmt.Fprintf(w, "%s %s\n", verb, plural(n, "device"))
	return err
}

// devicesImport stores the devices of a file.
type devicesImport struct {
	Input string `arg:"" help:"File that an export has written, or - for standard input."`
	source
	Service string `help:"Store them under this component's address instead of the file's." placeholder:"JID"`
	JSON    bool   `name:"json" help:"Print the number as JSON."`
}

// Run implements the command.
func (c *devicesImport) Run(ctx context.Context, io streams) error {
	in, size := os.Stdin, int64(0)
	if c.Input != "-" {
		f, err := os.Open(c.Input)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		in, size = f, info.Size()
	}
	p := newProgress(io.err, "import", 0)
	counted := &countingReader{in: in}
	next, err := deviceReader(counted)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Input, err)
	}
	ds, devices, err := c.devices(ctx, io.err)
	if err != nil {
		return err
	}
	defer ds.Close()
	defer devices.Close()
	n, err := c.store(ctx, devices, next, func(n int) {
		if p.done > 0 && size > 0 { // how many there are shows from the bytes of those that were read
			p.total = max(p.done+n, int(float64(p.done+n)*float64(size)/float64(counted.n)))
		}
		p.add(n)
	})
	p.end()
	if err != nil {
		return fmt.Errorf("%s: stored are %s: %w", c.Input, plural(n, "device"), err)
	}
	return transferred(io.out, c.JSON, n, "imported")
}

// importBatch is how many devices are stored at a time.
const importBatch = 500

func (c *devicesImport) store(ctx context.Context, devices *repository.Devices, next func() (repository.Device, error), stored func(int)) (n int, err error) {
	batch := make([]repository.Device, 0, importBatch)
	for {
		d, err := next()
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if err == nil {
			if c.Service != "" {
				d.Service = c.Service
			}
			batch = append(batch, d)
		}
		if len(batch) == importBatch || err != nil && len(batch) > 0 {
			if err := devices.Import(ctx, batch); err != nil {
				return n, err
			}
			n += len(batch)
			stored(len(batch))
			batch = batch[:0]
		}
		if err != nil {
			return n, nil
		}
	}
}

// countingReader counts the bytes that are read.
type countingReader struct {
	in io.Reader
	n  int64
}

// Read implements [io.Reader].
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}
