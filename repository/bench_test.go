package repository

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// benchDatabases runs a benchmark on each engine that is there.
func benchDatabases(b *testing.B, run func(b *testing.B, uri string)) {
	b.Run("sqlite", func(b *testing.B) { run(b, "jdbc:sqlite:"+b.TempDir()+"/bench.db") })
	for name, variable := range servers {
		if os.Getenv(variable) != "" {
			b.Run(name, func(b *testing.B) { run(b, emptyDatabase(b, name)) })
		}
	}
}

// sizes are the numbers of devices to compare; TPUSH_BENCH_DEVICES sets the
// larger.
func sizes() []int {
	n, err := strconv.Atoi(os.Getenv("TPUSH_BENCH_DEVICES"))
	if err != nil {
		n = 20_000
	}
	return []int{1000, n}
}

// fill writes devices in bulk, from one number to another.
func fill(b *testing.B, d *Devices, from, to int) {
	b.Helper()
	ctx := context.Background()
	together := 2000
	if d.ds.engine == sqliteEngine { // the filling is not what is measured
		together = 250_000
		for _, pragma := range []string{"cache_size=-600000", "synchronous=OFF"} {
			if err := d.ds.writing().exec(ctx, "PRAGMA "+pragma); err != nil {
				b.Fatal(err)
			}
		}
		defer func() {
			if err := d.ds.writing().exec(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				b.Fatal(err)
			}
		}()
	}
	for from < to {
		n := min(together, to-from)
		err := d.ds.transact(ctx, func(ctx context.Context, s session) error {
			for i := from; i < from+n; i += 1000 {
				if err := fillSome(ctx, s, i, min(i+1000, from+n)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		from += n
	}
}

func fillSome(ctx context.Context, s session, from, to int) error {
	var rows, data []any
	whole := s.engine == sqliteEngine
	columns := []string{"service_jid", "service_jid_sha1", "user_jid", "user_jid_sha1", "node", "node_sha1", "provider", "device_id", "device_id_sha1"}
	if whole {
		columns = append(columns, "node_key", "registered_ms")
	}
	for i := from; i < to; i++ {
		dev := benchDevice(i)
		rows = append(rows, dev.Service, jidHash(dev.Service), dev.Account, jidHash(dev.Account), dev.Node, hash(dev.Node), dev.Provider, dev.Token, hash(dev.Token))
		if whole {
			place, _ := nodeKeys(dev.Node)
			rows = append(rows, place, dev.Registered.UnixMilli())
		}
		data = append(append(data, dataRow(&dev)...), dev.Registered.UnixMilli())
	}
	err := s.exec(ctx, "INSERT INTO tig_push_devices ("+strings.Join(columns, ", ")+") VALUES "+strings.Repeat(",("+marks(len(columns))+")", to-from)[1:], rows...)
	if err != nil || whole {
		return err
	}
	return s.exec(ctx, "INSERT INTO tig_push_device_data ("+strings.Join(dataKey, ", ")+", registered_ms) VALUES "+strings.Repeat(",("+marks(5)+")", to-from)[1:], data...)
}

func benchDevice(i int) Device {
	return Device{Service: "push.example.com", Account: fmt.Sprintf("user%d@example.com", i), Node: hash(fmt.Sprint("node", i))[:32],
		Provider: "apns-binary-api", Token: hash(fmt.Sprint("token", i)) + hash(fmt.Sprint("x", i))[:24], Registered: time.UnixMilli(1_700_000_000_000)}
}

// BenchmarkByNode compares look-ups among few and many devices, and each with
// the same query as a bare prepared statement of the driver; in turns, because
// the machine is shared.
func BenchmarkByNode(b *testing.B) {
	benchDatabases(b, func(b *testing.B, uri string) {
		d := openDevices(b, uri)
		have := 0
		for _, n := range sizes() {
			fill(b, d, have, n)
			have = n
			analyze(b, d)
			bare := newBare(b, d)
			b.Run(fmt.Sprint(n), func(b *testing.B) {
				var ours, theirs spent
				// Each asks for nodes that the other has not asked for, so
				// that neither warms caches for the other.
				nodes := make([]string, 200)
				for i := 0; b.Loop(); i++ {
					for j := range nodes {
						nodes[j] = benchDevice((i*len(nodes) + j) * 7919 % n).Node
					}
					ours.add(len(nodes)/2, func(j int) {
						if got, err := d.ByNode(b.Context(), "push.example.com", nodes[2*j]); err != nil || len(got) != 1 {
							b.Fatal(got, err)
						}
					})
					theirs.add(len(nodes)/2, func(j int) { bare.ask(b, nodes[2*j+1]) })
				}
				ours.report(b, "ByNode")
				theirs.report(b, "bare")
			})
		}
	})
}

// analyze gives the servers' planners what they would have after a while.
// SQLite, which is never told to, would plan anew for each value.
func analyze(b *testing.B, d *Devices) {
	b.Helper()
	if d.ds.engine == sqliteEngine {
		return
	}
	for _, table := range []string{"tig_push_devices", "tig_push_device_data"} {
		query := map[engine]string{mysqlEngine: "ANALYZE TABLE ", postgresEngine: "ANALYZE "}[d.ds.engine]
		if _, err := d.ds.write.Exec(query + table); err != nil {
			b.Fatal(err)
		}
	}
}

// bareStatement is what the driver alone needs for the query.
type bareStatement struct {
	stmt    *sql.Stmt
	layout  *layout
	dialect *dialect
}

func newBare(b *testing.B, d *Devices) bareStatement {
	b.Helper()
	if _, err := d.ByNode(b.Context(), "push.example.com", "none"); err != nil {
		b.Fatal(err)
	}
	stmt, err := d.ds.read.Prepare(d.query)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stmt.Close() })
	return bareStatement{stmt, &d.ds.layout, d.ds.dialect}
}

func (s bareStatement) ask(b *testing.B, node string) {
	var texts [5]string
	var second, reason, pushID *string
	var times [3]*int64
	var sandbox *bool
	_, args := s.layout.byNode(s.dialect, "push.example.com", node)
	err := s.stmt.QueryRow(args...).Scan(&texts[0], &texts[1], &texts[2], &texts[3], &texts[4],
		&second, &times[0], &times[1], &times[2], &reason, &pushID, &sandbox)
	if err != nil {
		b.Fatal(err)
	}
}

// spent is the time and the CPU of this process that something takes.
type spent struct {
	wall, cpu time.Duration
	n         int
}

func (s *spent) add(n int, do func(int)) {
	start, used := time.Now(), cpuTime()
	for i := range n {
		do(i)
	}
	s.wall += time.Since(start)
	s.cpu += cpuTime() - used
	s.n += n
}

func (s *spent) report(b *testing.B, name string) {
	b.ReportMetric(float64(s.wall.Microseconds())/float64(s.n), name+"-us")
	b.ReportMetric(float64(s.cpu.Microseconds())/float64(s.n), name+"-cpu-us")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRegister measures new registrations, eight at a time.
func BenchmarkRegister(b *testing.B) {
	benchDatabases(b, func(b *testing.B, uri string) {
		d := openDevices(b, uri)
		work := make(chan int)
		done := make(chan error, 8)
		for range 8 {
			go func() {
				var failed error
				for i := range work {
					dev := benchDevice(i)
					if _, err := d.Register(context.Background(), Key{dev.Service, dev.Account, []string{dev.Provider}, dev.Token, true}, "", dev.Node); err != nil {
						failed = err
					}
				}
				done <- failed
			}()
		}
		start, used := time.Now(), cpuTime()
		n := 0
		for ; b.Loop(); n++ {
			work <- n
		}
		close(work)
		for range 8 {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/time.Since(start).Seconds(), "registrations/s")
		b.ReportMetric(float64((cpuTime()-used).Microseconds())/float64(n), "cpu-us")
	})
}
