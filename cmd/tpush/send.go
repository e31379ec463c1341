package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	web "github.com/tpush/tpush/component/http"
	"mellium.im/xmpp/jid"
)

// sendCommand sends a test notification through the running program.
type sendCommand struct {
	Account string `arg:"" help:"Account, by its bare JID."`
	Device  string `arg:"" optional:"" help:"The device, as 'tpush devices list' names it; without it, all of the account."`
	source
	Text string `help:"What the notification says." default:"This is a test."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run implements the command: it shows what is asked and what the push service
// answers. The exit code is 1 unless all accepted.
func (c *sendCommand) Run(ctx context.Context, io streams) error {
	who, err := jid.Parse(c.Account)
	if err != nil || who.Localpart() == "" {
		fmt.Fprintf(io.err, "tpush: %q is not the address of a user: write user@domain\n", c.Account)
		return exit(exitConfig)
	}
	query := url.Values{"account": {who.Bare().String()}, "device": {c.Device}, "text": {c.Text}}
	var sent []web.Sent
	err = askRunning(ctx, c.Home, http.MethodPost, web.PathSend, query, &sent)
	if errors.Is(err, errNotRunning) {
		return fmt.Errorf("%w: start it, or name its folder with --home", err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(io.out)
		e.SetIndent("", "  ")
		err = e.Encode(sent)
	} else {
		c.print(io, sent)
	}
	for _, s := range sent {
		for _, r := range s.Results {
			if !r.Entry.Accepted {
				return errors.Join(exit(exitFailed), err)
			}
		}
	}
	if len(sent) == 0 {
		fmt.Fprintf(io.err, "tpush: %s has no such device\n", c.Account)
		return errors.Join(exit(exitFailed), err)
	}
	return err
}

func (c *sendCommand) print(io streams, sent []web.Sent) {
	for _, s := range sent {
		for _, r := range s.Results {
			fmt.Fprintf(io.out, "%s, %s\n  request  %q, push id %s\n  answer   %s\n", s.Service, r.Device, c.Text, r.Entry.PushID, r.String())
		}
	}
}
