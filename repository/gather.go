package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// together is how many look-ups go into one query at most.
	together = 16
	// apart is how many queries are under way before a look-up waits for the next
	// one instead of making its own.
	apart = 2
	// patience is how long it waits: a query may hang with its connection.
	patience = 200 * time.Millisecond
)

// gatherer looks devices up by their node in a database server, several nodes
// with one query when there are many to look up: what a query costs on its way
// and in the driver is a multiple of the search. It knows only what it has
// found; whoever it found nothing for asks by itself, and learns why.
type gatherer struct {
	devices *Devices

	mu      sync.Mutex
	running int // queries
	waiting []*gathered
	off     time.Time         // until then nothing is gathered: the server has refused it
	queries map[int]string    // for so many look-ups
	stmts   map[int]*sql.Stmt // also, and for one: kept open, it is the hot path
	closed  bool
}

// offTime is how long nothing is gathered after the server has refused it.
const offTime = time.Minute

func newGatherer(d *Devices) *gatherer {
	return &gatherer{devices: d, queries: map[int]string{}, stmts: map[int]*sql.Stmt{}}
}

// gathered is a look-up that waits.
type gathered struct {
	service, node string
	found         []Device
	turn          chan bool // gets true when it is to ask for those that wait, too, and false when it has been asked for
}

// ask waits until others have asked for a node, too, if there are some that do:
// q has what they have found, and is nil when nobody has. With a turn the caller
// has to call [gatherer.answer] first, when there is a q, and [gatherer.pass] when
// its own query is over.
func (g *gatherer) ask(ctx context.Context, service, node string) (q *gathered, turn bool) {
	g.mu.Lock()
	if g.running < apart || len(g.waiting) >= together*(g.running-1) || !g.off.IsZero() && time.Now().Before(g.off) {
		g.running++
		g.mu.Unlock()
		return nil, true
	}
	q = &gathered{service: service, node: node, turn: make(chan bool, 1)}
	g.waiting = append(g.waiting, q)
	g.mu.Unlock()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case turn = <-q.turn:
		return q, turn
	case <-limit.C:
	case <-ctx.Done():
	}
	return nil, g.drop(q)
}

// drop gives up waiting, and reports whether the turn has come meanwhile. A query
// that is under way for it has nobody to tell any more.
func (g *gatherer) drop(q *gathered) (turn bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, q); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	select {
	case turn = <-q.turn:
	default:
	}
	return turn
}

// pass gives the turn to the one that waits longest.
func (g *gatherer) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.running--
		return
	}
	g.waiting[0].turn <- true
	g.waiting = slices.Delete(g.waiting, 0, 1)
}

// answer asks for one and those that wait. Alone, or when the server refuses it, it
// leaves that to the caller. An error is told that has taken the time of the
// caller's own first try.
func (g *gatherer) answer(ctx context.Context, q *gathered) error {
	g.mu.Lock()
	n := min(len(g.waiting), together-1)
	all := append([]*gathered{q}, g.waiting[:n]...)
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.mu.Unlock()
	if n == 0 {
		return nil
	}
	err := g.query(ctx, all)
	for _, other := range all {
		if err != nil {
			other.found = nil
		}
		if other != q {
			other.turn <- false
		}
	}
	if err == nil || disconnected(err) || deadlock(err) || ctx.Err() != nil {
		return err
	}
	if number, state := code(err); number != 0 || state != "" {
		g.mu.Lock()
		g.off = time.Now().Add(offTime)
		g.mu.Unlock()
	}
	return nil
}

// query looks several up.
func (g *gatherer) query(ctx context.Context, all []*gathered) error {
	size := 2
	for size < len(all) {
		size *= 2
	}
	ds := g.devices.ds
	var args []any
	for i := range size { // the last one fills up
		q := all[min(i, len(all)-1)]
		_, one := ds.layout.byNode(ds.dialect, q.service, q.node)
		args = append(args, one...)
	}
	rows, err := g.rows(ctx, size, g.union(size), args)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		n := 0
		d, err := scanDevice(numbered{rows, &n})
		if err != nil {
			return err
		}
		if n < len(all) {
			all[n].found = append(all[n].found, d)
		}
	}
	return rows.Err()
}

// numbered is a row with a number in front.
type numbered struct {
	scanner
	n *int
}

// Scan reads the number, too.
func (r numbered) Scan(fields ...any) error {
	return r.scanner.Scan(append([]any{r.n}, fields...)...)
}

// rows makes a query for so many look-ups, whose statement is kept. PostgreSQL's
// driver keeps prepared statements itself, unless the configuration forbids them.
func (g *gatherer) rows(ctx context.Context, size int, query string, args []any) (*sql.Rows, error) {
	ds := g.devices.ds
	if ds.engine == postgresEngine {
		return ds.read.QueryContext(ctx, query, args...)
	}
	g.mu.Lock()
	stmt := g.stmts[size]
	g.mu.Unlock()
	if stmt == nil {
		made, err := ds.read.PrepareContext(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("prepare look-up: %w", err)
		}
		stmt = g.keep(size, made)
	}
	return stmt.QueryContext(ctx, args...)
}

// keep keeps a statement, unless there is one already or none is kept any more.
func (g *gatherer) keep(size int, made *sql.Stmt) *sql.Stmt {
	g.mu.Lock()
	first := g.stmts[size]
	if first == nil && !g.closed {
		g.stmts[size] = made
	}
	kept := g.stmts[size] == made
	g.mu.Unlock()
	if !kept {
		_ = made.Close() // it has done nothing; it may wait for a query on its connection
	}
	if first != nil {
		return first
	}
	return made
}

// union is the text. Each look-up is a query of its own: asked for a list of
// nodes, an engine may read a whole table that it does not know yet.
func (g *gatherer) union(size int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.queries[size] == "" {
		l := &g.devices.ds.layout
		condition, _ := l.byNode(g.devices.ds.dialect, "", "")
		one := strings.TrimPrefix(l.selection()+condition, "SELECT")
		parts := make([]string, size)
		for i := range parts {
			parts[i] = "SELECT " + strconv.Itoa(i) + "," + one
		}
		g.queries[size] = g.devices.ds.bind(strings.Join(parts, " UNION ALL "))
	}
	return g.queries[size]
}

// close closes what is kept.
func (g *gatherer) close() (err error) {
	g.mu.Lock()
	stmts := g.stmts
	g.stmts, g.closed = nil, true
	g.mu.Unlock()
	for _, stmt := range stmts {
		err = errors.Join(err, stmt.Close())
	}
	return err
}
