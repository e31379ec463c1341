// Fill writes devices into a database in bulk, for "tpush bench --stored": a
// million in a minute or two, where registering them takes ten.
//
//	go run ./scripts/bench/fill -database jdbc:sqlite:/tmp/million.db -devices 1000000
//
// The database is new, or holds what an earlier run wrote.
package main

import (
	"context"
	"crypto/sha1"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/tpush/tpush/repository"
	_ "modernc.org/sqlite"
)

// together is the number of rows of a statement.
const together = 500

func main() {
	log.SetFlags(0)
	log.SetPrefix("fill: ")
	uri := flag.String("database", "", "JDBC URI")
	devices := flag.Int("devices", 1_000_000, "how many devices")
	domain := flag.String("domain", "push.example.com", "component domain that they are registered under")
	provider := flag.String("provider", "tigase:messenger:apns:1", "their provider id")
	flag.Parse()
	began := time.Now()
	if err := fill(context.Background(), *uri, row{*domain, *provider}, *devices); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d devices in %v\n", *devices, time.Since(began).Round(time.Second))
}

func fill(ctx context.Context, uri string, r row, n int) error {
	cfg := repository.Defaults()
	cfg.URI = uri
	source, err := repository.Open("default", cfg, ".", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	source.Use(repository.UserTables | repository.DeviceTables)
	if _, err := source.InstallSchema(ctx); err != nil {
		return err
	}
	if err := source.Close(); err != nil {
		return err
	}
	db, embedded, err := open(uri)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if !embedded {
		return inBulk(ctx, db, strings.HasPrefix(uri, "jdbc:postgresql"), n, func(i int) int { return i }, []table{r.device(false), r.data()})
	}
	return fillEmbedded(ctx, db, r, n)
}

// open connects with the driver's own form of the address.
func open(uri string) (db *sql.DB, embedded bool, err error) {
	address := strings.TrimPrefix(uri, "jdbc:")
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		db, err = sql.Open("sqlite", "file:"+file)
		return db, true, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, false, err
	}
	user, password := u.Query().Get("user"), u.Query().Get("password")
	if u.Scheme == "postgresql" {
		u.User, u.RawQuery = url.UserPassword(user, password), ""
		db, err = sql.Open("pgx", u.String())
		return db, false, err
	}
	db, err = sql.Open("mysql", user+":"+password+"@tcp("+u.Host+")"+u.Path)
	return db, false, err
}

// fillEmbedded writes rows in the order in which they lie, and the indexes
// afterwards: anything else is a page read and written for each.
func fillEmbedded(ctx context.Context, db *sql.DB, r row, n int) error {
	indexes := map[string]string{}
	rows, err := db.QueryContext(ctx, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'tig_push_devices' AND sql IS NOT NULL")
	if err != nil {
		return err
	}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return err
		}
		indexes[name] = text
	}
	if err := rows.Close(); err != nil {
		return err
	}
	run := []string{"PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000"}
	for name := range indexes {
		run = append(run, "DROP INDEX "+name)
	}
	if err := all(ctx, db, run...); err != nil {
		return err
	}
	order := make([]uint64, n) // 40 bits of the place, 24 of the number
	for i := range order {
		order[i] = uint64(place(node(i)))>>23<<24 | uint64(i)
	}
	slices.Sort(order)
	if err := inBulk(ctx, db, false, n, func(i int) int { return int(order[i] & (1<<24 - 1)) }, []table{r.device(true)}); err != nil {
		return err
	}
	run = nil
	for _, text := range indexes {
		run = append(run, text)
	}
	return all(ctx, db, append(run, "PRAGMA wal_checkpoint(TRUNCATE)")...)
}

func all(ctx context.Context, db *sql.DB, statements ...string) error {
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// table is a table with its columns and what is in them.
type table struct {
	name    string
	columns []string
	values  func(i int) []any
}

// row is what all devices have.
type row struct{ domain, provider string }

func (r row) key(i int) (user, token string) {
	return fmt.Sprintf("u%d@example.com", i), fmt.Sprintf("%064x", i)
}

func (r row) device(whole bool) table {
	t := table{"tig_push_devices", []string{"service_jid", "service_jid_sha1", "user_jid", "user_jid_sha1", "node", "node_sha1", "provider", "device_id", "device_id_sha1"}, nil}
	if whole {
		t.columns = append(t.columns, "node_key", "registered_ms", "accepted_ms")
	}
	t.values = func(i int) []any {
		user, token := r.key(i)
		v := []any{r.domain, hash(r.domain), user, hash(user), node(i), hash(node(i)), r.provider, token, hash(token)}
		if whole {
			v = append(v, place(node(i)), registered, registered)
		}
		return v
	}
	return t
}

func (r row) data() table {
	return table{"tig_push_device_data", []string{"service_jid_sha1", "user_jid_sha1", "provider", "device_id_sha1", "registered_ms", "accepted_ms"}, func(i int) []any {
		user, token := r.key(i)
		return []any{hash(r.domain), hash(user), r.provider, hash(token), registered, registered}
	}}
}

// registered is when all were registered, in milliseconds.
const registered = 1_700_000_000_000

// node is as tpush bench publishes to it.
func node(i int) string { return fmt.Sprintf("bench-%d", i) }

func hash(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// place is the first key of a node's rows in an embedded database.
func place(node string) int64 {
	sum := sha1.Sum([]byte(node))
	return int64(binary.BigEndian.Uint64(sum[:])>>1) &^ (1<<16 - 1)
}

// inBulk writes the rows of numbers in an order, many in a statement and a
// hundred statements in a transaction.
func inBulk(ctx context.Context, db *sql.DB, numbered bool, n int, number func(int) int, tables []table) error {
	for from := 0; from < n; {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for range 100 {
			to := min(from+together, n)
			for _, t := range tables {
				var args []any
				for i := from; i < to; i++ {
					args = append(args, t.values(number(i))...)
				}
				if len(args) == 0 {
					continue
				}
				if _, err := tx.ExecContext(ctx, insert(t, to-from, numbered), args...); err != nil {
					return fmt.Errorf("write devices: %w", err)
				}
			}
			from = to
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("write devices: %w", err)
		}
	}
	return nil
}

func insert(t table, rows int, numbered bool) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES ")
	for i := range rows * len(t.columns) {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%len(t.columns) == 0:
			b.WriteString("),(")
		default:
			b.WriteString(",")
		}
		if numbered {
			fmt.Fprintf(&b, "$%d", i+1)
		} else {
			b.WriteString("?")
		}
	}
	return b.String() + ")"
}
