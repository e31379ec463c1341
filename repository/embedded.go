package repository

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	// batch is how many questions a reader answers in one transaction.
	batch = 64
	// crowd is how many questions wait before another reader helps.
	crowd = 16
	// keep is how long a transaction is kept for the next questions, and rush how
	// soon they have to come for that: to begin and end one costs locks on the
	// file, and more than the search in it.
	keep = 2 * time.Millisecond
	rush = keep / 4
)

// nodeReaders look devices up by their node in an embedded database: the one
// query of every push. They go past database/sql, which costs more than the
// query itself. Who comes while a reader is at work leaves a question behind;
// who has a reader answers all that wait, in one transaction, as that costs a
// lock on the file.
type nodeReaders struct {
	file, query string
	strays      string // asked where that finds none, if it is for [nodeKeys]
	layout      *layout
	changes     *atomic.Uint64 // grows with each change that this program makes

	mu      sync.Mutex
	free    []*nodeReader
	open    int // readers, the busy ones too
	waiting []*nodeQuestion
	closed  bool
}

// nodeQuestion is a look-up and its answer.
type nodeQuestion struct {
	node, service string
	found         []Device
	err           error
	turn          chan *nodeReader // nil: it is answered; else the asker is to answer all, with this one
}

var errReadersClosed = errors.New("the database is closed")

// ask returns the devices of a node.
func (rs *nodeReaders) ask(q *nodeQuestion) ([]Device, error) {
	if r := rs.turn(q); r != nil {
		defer rs.pass(r)
		r.answer(rs)
	}
	return q.found, q.err
}

// turn waits until a question is answered, or it is the asker's turn to answer
// it, and others with it.
func (rs *nodeReaders) turn(q *nodeQuestion) *nodeReader {
	rs.mu.Lock()
	if rs.closed {
		rs.mu.Unlock()
		q.err = errReadersClosed
		return nil
	}
	r := rs.take()
	if r == nil {
		q.turn = make(chan *nodeReader, 1)
		rs.waiting = append(rs.waiting, q)
		rs.mu.Unlock()
		if r = <-q.turn; r == nil {
			return nil
		}
		rs.mu.Lock()
	}
	n := min(len(rs.waiting), batch-1)
	r.batch = append(append(r.batch[:0], q), rs.waiting[:n]...)
	rs.waiting = slices.Delete(rs.waiting, 0, n)
	rs.mu.Unlock()
	return r
}

// take returns a reader for a new question, or nil when one at work is soon to
// answer it. rs.mu is held.
func (rs *nodeReaders) take() *nodeReader {
	if rs.open > len(rs.free) && len(rs.waiting) < crowd {
		return nil
	}
	if n := len(rs.free); n > 0 {
		r := rs.free[n-1]
		rs.free = rs.free[:n-1]
		return r
	}
	if rs.open == readers() {
		return nil
	}
	rs.open++
	return new(nodeReader)
}

// pass hands a reader to the first who waits.
func (rs *nodeReaders) pass(r *nodeReader) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r.inside && len(rs.waiting) == 0 && (rs.closed || time.Since(r.since) >= keep) {
		r.end()
	}
	switch {
	case len(rs.waiting) > 0:
		first := rs.waiting[0]
		rs.waiting = slices.Delete(rs.waiting, 0, 1)
		first.turn <- r
	case rs.closed:
		_ = r.close() // nothing was written on it
	default:
		rs.free = append(rs.free, r)
	}
}

// tidy ends a kept transaction that nobody has a question for: it would hold up
// what the engine does about its log. A reader at work does so by itself.
func (rs *nodeReaders) tidy(r *nodeReader) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if slices.Contains(rs.free, r) && r.inside && time.Since(r.since) >= keep {
		r.end()
	}
}

// close closes the readers; one that is at work is closed when it is done.
func (rs *nodeReaders) close() (err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.closed = true
	for _, r := range rs.free {
		err = errors.Join(err, r.close())
	}
	rs.free = nil
	return err
}

// nodeReader is a connection with the prepared query. Its zero value connects
// when it is used.
type nodeReader struct {
	conn                 *sqlite.Conn
	begin, search, leave *sqlite.Stmt
	strays               *sqlite.Stmt // nil: there are none
	batch                []*nodeQuestion
	text                 []byte
	service              string // the last one read: most devices have the same

	inside bool      // a transaction is open
	since  time.Time // from when
	seen   uint64    // changes before it
	last   time.Time // when it was asked the last time
}

// answer answers the batch: one's own question, and others, which it tells.
func (r *nodeReader) answer(rs *nodeReaders) {
	told := 1
	defer func() {
		for _, q := range r.batch[told:] {
			q.err = errReadersClosed // the library has panicked
			q.turn <- nil
		}
		clear(r.batch)
	}()
	err := r.connect(rs)
	if err == nil {
		err = r.enter(rs, len(r.batch) > 1)
	}
	for i, q := range r.batch {
		if q.err = err; err == nil {
			q.found, q.err = r.find(q, rs.layout)
		}
		if q.err == nil && len(q.found) == 0 && r.inside {
			// Another program may have registered it since: "no such device" is
			// said of the database as it is.
			r.end()
			q.found, q.err = r.find(q, rs.layout)
		}
		if i > 0 {
			told = i + 1
			q.turn <- nil
		}
	}
}

// enter begins a transaction when it pays, and ends one that is old or from
// before a change of ours.
func (r *nodeReader) enter(rs *nodeReaders, several bool) error {
	now, changes := time.Now(), rs.changes.Load()
	pays := several || now.Sub(r.last) < rush
	r.last = now
	if r.inside && (r.seen != changes || now.Sub(r.since) >= keep) {
		r.end()
	}
	if r.inside || !pays || r.conn == nil {
		return nil
	}
	r.inside, r.since, r.seen = true, now, changes
	time.AfterFunc(keep, func() { rs.tidy(r) })
	return run(r.begin)
}

// end ends the transaction.
func (r *nodeReader) end() {
	r.inside = false
	if r.conn != nil && run(r.leave) != nil {
		_ = r.close() // it connects again
	}
}

func (r *nodeReader) connect(rs *nodeReaders) (err error) {
	if r.conn != nil {
		return nil
	}
	if r.conn, err = sqlite.OpenConn(rs.file, sqlite.OpenReadWrite); err != nil {
		r.conn = nil
		return fmt.Errorf("open database: %w", err)
	}
	r.conn.SetBusyTimeout(5 * time.Second)
	statements := map[string]**sqlite.Stmt{"BEGIN": &r.begin, rs.query: &r.search, "COMMIT": &r.leave}
	if rs.strays != "" {
		statements[rs.strays] = &r.strays
	}
	for query, into := range statements {
		if *into, err = r.conn.Prepare(query); err != nil {
			return errors.Join(fmt.Errorf("prepare look-up: %w", err), r.close())
		}
	}
	for _, setting := range []string{fmt.Sprintf("PRAGMA cache_size(-%d)", cacheSize), "PRAGMA query_only(1)"} {
		s, _, err := r.conn.PrepareTransient(setting)
		if err == nil {
			err = errors.Join(run(s), s.Finalize())
		}
		if err != nil {
			return errors.Join(fmt.Errorf("set up look-up: %w", err), r.close())
		}
	}
	return nil
}

func (r *nodeReader) close() error {
	if r.conn == nil {
		return nil
	}
	c := r.conn
	r.conn, r.inside = nil, false
	return c.Close()
}

func run(s *sqlite.Stmt) error {
	_, err := s.Step()
	return errors.Join(err, s.Reset())
}

// find asks for the devices of a node.
func (r *nodeReader) find(q *nodeQuestion, l *layout) (out []Device, err error) {
	if r.conn == nil {
		return nil, errReadersClosed
	}
	s := r.search
	if l.whole {
		first, last := nodeKeys(q.node)
		s.BindInt64(1, first)
		s.BindInt64(2, last)
		// Whose keys are in between are hardly ever others.
		if out, err = r.rows(s, q); err != nil || len(out) > 0 {
			return out, err
		}
		s = r.strays
	}
	s.BindText(1, l.node.kind.text(q.node))
	s.BindText(2, l.service.kind.text(q.service))
	return r.rows(s, nil)
}

// rows reads the devices that a query finds: of them those that a question is
// for, if there is one.
func (r *nodeReader) rows(s *sqlite.Stmt, q *nodeQuestion) (out []Device, err error) {
	for {
		more, err := s.Step()
		if err != nil || !more {
			return out, errors.Join(err, s.Reset())
		}
		out = append(out, Device{})
		if r.device(s, &out[len(out)-1]); q != nil && !q.asksFor(&out[len(out)-1]) {
			out = out[:len(out)-1]
		}
	}
}

// asksFor reports whether a device is of the node and the service, as its hashes
// would: EqualFold takes some texts to be equal that have different ones, and the
// other way around.
func (q *nodeQuestion) asksFor(d *Device) bool {
	if d.Node != q.node || d.Service == q.service {
		return d.Node == q.node
	}
	asked := strings.ToLower(q.service)
	return strings.ToLower(d.Service) == asked
}

// device reads a row of [layout.selection]. Its texts share one string, but for
// those that are kept longer than it: a large string would be kept with each.
func (r *nodeReader) device(s *sqlite.Stmt, d *Device) {
	const service, account, reason, pushID = 0, 1, 9, 10
	parts := [...]struct {
		column int
		into   *string
	}{{2, &d.Node}, {3, &d.Provider}, {4, &d.Token}, {5, &d.SecondToken}, {reason, &d.LastFailure.Reason}, {pushID, &d.LastFailure.PushID}}
	var ends [len(parts)]int
	b := r.text[:0]
	for i, p := range parts {
		b = appendColumn(b, s, p.column)
		ends[i] = len(b)
	}
	all, from := string(b), 0
	for i, p := range parts {
		*p.into, from = all[from:ends[i]], ends[i]
	}
	b = appendColumn(b[:0], s, account)
	d.Account = string(b)
	if b = appendColumn(b[:0], s, service); string(b) != r.service {
		r.service = strings.Clone(string(b))
	}
	d.Service, r.text = r.service, b
	d.Registered, d.LastAccepted = fromMillis(s.ColumnInt64(6)), fromMillis(s.ColumnInt64(7))
	d.LastFailure.Time, d.Sandbox = fromMillis(s.ColumnInt64(8)), s.ColumnInt64(11) != 0
}

// appendColumn appends the text of a column.
func appendColumn(b []byte, s *sqlite.Stmt, n int) []byte {
	size := s.ColumnLen(n)
	b = append(b, make([]byte, size)...)
	s.ColumnBytes(n, b[len(b)-size:])
	return b
}
