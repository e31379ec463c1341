package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext"
	web "github.com/tpush/tpush/component/http"
	"github.com/tpush/tpush/component/push"
	"mellium.im/xmpp/jid"
)

// explainCommand says why pushes of an account arrive, or do not.
type explainCommand struct {
	JID string `arg:"" name:"jid" help:"Address of the user."`
	source
	JSON bool `name:"json" help:"Print JSON."`
}

// socketFile is where commands reach the running program, below its home.
const socketFile = "data/tpush.sock"

// Run implements the command: it asks the running program, and without one the
// database.
func (c *explainCommand) Run(ctx context.Context, io streams) error {
	who, err := jid.Parse(c.JID)
	if err != nil || who.Localpart() == "" {
		fmt.Fprintf(io.err, "tpush: %q is not the address of a user: write user@domain\n", c.JID)
		return exit(exitConfig)
	}
	account := who.Bare().String()
	var all []*push.Explanation
	err = askRunning(ctx, c.Home, http.MethodGet, web.PathExplain, url.Values{"account": {account}}, &all)
	if errors.Is(err, errNotRunning) {
		all, err = c.fromDatabase(ctx, io.err, account)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(io.out).Encode(all)
	}
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(io.out)
		}
		fmt.Fprint(io.out, e.Text())
	}
	return nil
}

// errNotRunning means that no program serves the socket.
var errNotRunning = errors.New("the program does not run here")

// askRunning asks the running program and reads its answer into v.
func askRunning(ctx context.Context, home, method, path string, query url.Values, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://tpush"+path+"?"+query.Encode(), nil)
	if err != nil {
		return fmt.Errorf("ask the running program: %w", err)
	}
	answer, err := web.Dial(filepath.Join(home, socketFile)).Do(req)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("ask the running program: run this as its user, or as root: %w", err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNotRunning, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000)) // what there is of it
		return fmt.Errorf("the running program answers %s: %s", answer.Status, text)
	}
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		return fmt.Errorf("read the running program's answer: %w", err)
	}
	return nil
}

// fromDatabase explains without a running program.
func (c *explainCommand) fromDatabase(ctx context.Context, w io.Writer, account string) (all []*push.Explanation, err error) {
	g, err := c.started(ctx, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	all, err = web.Explain(ctx, served(g), account)
	for _, e := range all {
		e.WithoutProcess()
	}
	return all, err
}

// served are the push components of a graph by the domain that they serve.
func served(g *beans.Graph) map[string]*push.Service {
	out := map[string]*push.Service{}
	for _, e := range beans.Built[*ext.Ext](g) {
		maps.Copy(out, servedBy(e, beans.Built[*pushBean](g)))
	}
	return out
}

// servedBy are the components by the domains of the connections.
func servedBy(e *ext.Ext, components []*pushBean) map[string]*push.Service {
	out := map[string]*push.Service{}
	for _, d := range e.Domains() {
		// One that cannot be bound is told of by the ext bean.
		if bound, err := bind([]string{d}, components); err == nil {
			out[strings.ToLower(d)] = bound[d].Service()
		}
	}
	return out
}
