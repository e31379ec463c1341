package repository

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// away is a database server that is not there.
type away struct{ tries atomic.Int64 }

func (a *away) Connect(context.Context) (driver.Conn, error) {
	a.tries.Add(1)
	return nil, &net.OpError{Op: "dial", Err: errors.New("hangs")}
}

func (a *away) Driver() driver.Driver { return nil }

// TestGatheredWhileAway: one that looks up for others tries no more often than
// one that does not, which may take 10 s each time; the others are told.
func TestGatheredWhileAway(t *testing.T) {
	server := &away{}
	ds := &DataSource{dialect: &dialects[mysqlEngine], loc: &location{}, layout: ownLayout(), read: sql.OpenDB(server), places: make(chan struct{}, 2)}
	defer ds.Close()
	ds.write = ds.read
	d := NewDevices(ds, slog.New(slog.DiscardHandler))
	defer d.Close()
	tries := func(look func()) int64 {
		before := server.tries.Load()
		look()
		return server.tries.Load() - before
	}
	alone := tries(func() {
		if _, err := d.ByNode(t.Context(), "s", "n"); err == nil {
			t.Error("devices of a server that is not there")
		}
	})
	g := d.gather
	g.running = apart
	done := make(chan error)
	go func() {
		_, err := d.ByNode(t.Context(), "s", "n")
		done <- err
	}()
	other := &gathered{service: "s", node: "other", turn: make(chan bool, 1)}
	for waiting := false; !waiting; {
		g.mu.Lock()
		if waiting = len(g.waiting) > 0; waiting {
			g.waiting = append(g.waiting, other)
		}
		g.mu.Unlock()
	}
	leading := tries(func() {
		g.pass()
		if err := <-done; err == nil {
			t.Error("devices of a server that is not there")
		}
	})
	if leading > alone {
		t.Errorf("%d tries to connect for others, %d alone", leading, alone)
	}
	if turn := <-other.turn; turn || other.found != nil {
		t.Errorf("the other is told %v, %v", turn, other.found)
	}
	if g.running != apart-1 || len(ds.places) != 0 {
		t.Errorf("left: %d queries, %d places taken", g.running, len(ds.places))
	}
}

// TestGathererClosed: a statement that is made while the program ends is closed,
// too.
func TestGathererClosed(t *testing.T) {
	ds := openSource(t, "jdbc:sqlite:"+t.TempDir()+"/x.db")
	g := newGatherer(&Devices{ds: ds})
	made, err := ds.read.Prepare("SELECT 1")
	ok(t, err)
	ok(t, g.close())
	if rows, err := g.keep(2, made).Query(); err == nil {
		t.Error("it is still open")
		rows.Close()
	}
	if len(g.stmts) != 0 {
		t.Errorf("%d statements are kept", len(g.stmts))
	}
}

// TestTooManyStatements: MariaDB's clients together keep as many statements as it
// allows; look-ups do without.
func TestTooManyStatements(t *testing.T) {
	d := openDevices(t, startServer(t, "mysql").uri())
	k := key("AB")
	want := register(t, d, k, "", "")
	ok(t, d.ds.writing().exec(t.Context(), "SET GLOBAL max_prepared_stmt_count = 0"))
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if got, err := d.ByNode(t.Context(), k.Service, want.Node); err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("devices %+v, %v", got, err)
			}
			if got, err := d.ByNode(t.Context(), k.Service, "none"); err != nil || len(got) != 0 {
				t.Errorf("devices %+v, %v", got, err)
			}
		})
	}
	all.Wait()
}
