package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/repository"
)

// devicesCommand works on the registered devices in the database, whether the
// program runs or not.
type devicesCommand struct {
	List   devicesList   `cmd:"" help:"Show the devices of an account, or all."`
	Remove devicesRemove `cmd:"" help:"Remove devices of an account."`
	Export devicesExport `cmd:"" help:"Write all devices to a file (CSV or JSON Lines)."`
	Import devicesImport `cmd:"" help:"Store the devices of such a file."`
}

// whichDevices chooses devices.
type whichDevices struct {
	Service  string `help:"Only those registered under this component's address." placeholder:"JID"`
	Provider string `help:"Only those of this provider id." placeholder:"ID"`
}

func (w *whichDevices) take(d *repository.Device) bool {
	return (w.Service == "" || strings.EqualFold(w.Service, d.Service)) && (w.Provider == "" || w.Provider == d.Provider)
}

// devicesList shows devices.
type devicesList struct {
	Account string `arg:"" optional:"" help:"Account, by its bare JID; without it, all devices."`
	source
	whichDevices
	JSON bool `name:"json" help:"Print JSON."`
}

// deviceRow is a device as it is shown: without its token.
type deviceRow struct {
	Device      string     `json:"device"` // as people name it
	Service     string     `json:"service"`
	Account     string     `json:"account"`
	Node        string     `json:"node"`
	Calls       bool       `json:"calls"` // it has a token for calls
	Sandbox     bool       `json:"sandbox"`
	Registered  *time.Time `json:"registered,omitempty"`
	Accepted    *time.Time `json:"accepted,omitempty"`
	Failed      *time.Time `json:"failed,omitempty"`
	LastFailure string     `json:"last_failure,omitempty"`
}

func rowOf(d repository.Device) deviceRow {
	return deviceRow{push.DeviceID(d), d.Service, d.Account, d.Node, d.SecondToken != "", d.Sandbox,
		known(d.Registered), known(d.LastAccepted), known(d.LastFailure.Time), d.LastFailure.Reason}
}

// known is a time, nil for the zero one.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Run implements the command.
func (c *devicesList) Run(ctx context.Context, io streams) error {
	ds, devices, err := c.devices(ctx, io.err)
	if err != nil {
		return err
	}
	defer ds.Close()
	defer devices.Close()
	found := devices.All(ctx)
	if c.Account != "" {
		found = ofAccount(ctx, devices, c.Account)
	}
	if c.JSON {
		return c.writeJSON(io.out, found)
	}
	return c.writeTable(io.out, found)
}

// ofAccount returns an account's devices under all services.
func ofAccount(ctx context.Context, devices *repository.Devices, account string) iter.Seq2[repository.Device, error] {
	return func(yield func(repository.Device, error) bool) {
		found, err := devices.Services(ctx)
		if err != nil {
			yield(repository.Device{}, err)
			return
		}
		var services []string
		for _, s := range found {
			if service := strings.ToLower(s); !slices.Contains(services, service) {
				services = append(services, service)
			}
		}
		for _, service := range services {
			all, err := devices.ByAccount(ctx, service, account)
			if err != nil {
				yield(repository.Device{}, err)
				return
			}
			for _, d := range all {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// writeJSON prints an array, an object at a time.
func (c *devicesList) writeJSON(w io.Writer, found iter.Seq2[repository.Device, error]) error {
	before := "[\n  "
	for d, err := range found {
		if err != nil {
			return err
		}
		if !c.take(&d) {
			continue
		}
		row, err := json.Marshal(rowOf(d))
		if err != nil {
			return fmt.Errorf("write device: %w", err)
		}
		if _, err := fmt.Fprintf(w, "%s%s", before, row); err != nil {
			return err
		}
		before = ",\n  "
	}
	end := "\n]\n"
	if before[0] == '[' {
		end = "[]\n"
	}
	_, err := io.WriteString(w, end)
	return err
}

// tableFlush is how many rows the columns of a table are aligned over, so that
// memory is bounded.
const tableFlush = 1000

func (c *devicesList) writeTable(w io.Writer, found iter.Seq2[repository.Device, error]) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	n := 0
	for d, err := range found {
		if err != nil {
			return errors.Join(err, t.Flush())
		}
		if !c.take(&d) {
			continue
		}
		if n == 0 {
			fmt.Fprintln(t, "ACCOUNT\tDEVICE\tSERVICE\tREGISTERED\tLAST ACCEPTED\tLAST FAILURE")
		}
		if n++; n%tableFlush == 0 {
			if err := t.Flush(); err != nil {
				return err
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Account, push.DeviceID(d), d.Service, day(d.Registered), day(d.LastAccepted), d.LastFailure.Reason)
	}
	fmt.Fprintf(t, "%s\n", plural(n, "device"))
	return t.Flush()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// devicesRemove removes devices.
type devicesRemove struct {
	Account string `arg:"" help:"Account, by its bare JID."`
	Device  string `arg:"" optional:"" help:"The device, as the list names it."`
	source
	whichDevices
	All  bool `help:"Remove all devices of the account."`
	JSON bool `name:"json" help:"Print JSON."`
}

// Run implements the command.
func (c *devicesRemove) Run(ctx context.Context, io streams) error {
	if (c.Device == "") != c.All {
		fmt.Fprintln(io.err, "tpush: name one device as 'tpush devices list ACCOUNT' shows it, or give --all")
		return exit(exitConfig)
	}
	ds, devices, err := c.devices(ctx, io.err)
	if err != nil {
		return err
	}
	defer ds.Close()
	defer devices.Close()
	removed := []deviceRow{}
	for d, err := range ofAccount(ctx, devices, c.Account) {
		if err != nil {
			return err
		}
		if !c.take(&d) || !c.All && push.DeviceID(d) != c.Device {
			continue
		}
		if err := devices.Remove(ctx, d, repository.ReasonAdmin); err != nil {
			return err
		}
		removed = append(removed, rowOf(d))
	}
	if c.JSON {
		e := json.NewEncoder(io.out)
		e.SetIndent("", "  ")
		if err := e.Encode(removed); err != nil {
			return err
		}
	} else {
		for _, r := range removed {
			fmt.Fprintf(io.out, "removed %s of %s\n", r.Device, r.Account)
		}
	}
	if len(removed) == 0 {
		fmt.Fprintf(io.err, "tpush: %s has no such device\n", c.Account)
		return exit(exitFailed)
	}
	if !c.JSON {
		fmt.Fprintln(io.out, "The user's server learns of it at its next publish.")
	}
	return nil
}
