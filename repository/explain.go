package repository

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrInvalid means that a text cannot be stored: it is too long, or has
// characters that the database refuses. Trying again does not help.
var ErrInvalid = errors.New("the database does not take this text")

// advice says what an admin can do about a server's answer, by MySQL's error
// number.
var advice = map[uint16]string{
	1044: "look at the name of the database in 'uri', and at the user's rights",
	1045: "look at user and password in 'uri'",
	1049: "look at the name of the database in 'uri'",
	1142: "the user lacks a right on the table",
	1146: "the table is missing: run 'tpush schema install'",
	1290: "the database is read-only: look whether 'uri' names a replica",
	1305: "a routine is missing: run 'tpush schema install'",
	1370: "the user lacks the right EXECUTE on the routine",
	1449: "the account that owns the stored routines is gone: load the routines again",
	1792: "the database is read-only: look whether 'uri' names a replica",
	1836: "the database is read-only: look whether 'uri' names a replica",
}

// stateAdvice is the same by SQLSTATE, for PostgreSQL.
var stateAdvice = map[string]string{
	"25006": "the database is read-only: look whether 'uri' names a standby",
	"28000": "look at user and password in 'uri', and at pg_hba.conf",
	"28P01": "look at user and password in 'uri'",
	"3D000": "look at the name of the database in 'uri'",
	"42501": "the user lacks a right: on tables, on the sequences (USAGE), or CREATE on the schema",
	"42883": "a routine is missing: run 'tpush schema install'",
	"42P01": "the table is missing: run 'tpush schema install'",
}

// explain adds to an error where it happened and what an admin can look at;
// never the password.
func (ds *DataSource) explain(err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
		return err
	}
	number, state := code(err)
	switch {
	case number == 1366 || number == 1406 || number == 1153 || state == "22001" || state == "22021":
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	case ds.loc.engine == sqliteEngine:
		return fmt.Errorf("database %s: %w%s", ds.loc.file, err, sqliteAdvice(err))
	}
	return fmt.Errorf("database '%s' at %s: %w%s", ds.loc.database, strings.Join(ds.loc.hosts, ", "), bare(err), serverAdvice(err, number, state))
}

// bare takes the connection parameters out of pgx's error text: they are said
// already. The errors of several hosts, and pgx's of one host with TLS and
// without, become one line.
func bare(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		err = connect.Unwrap()
	}
	return &brief{err}
}

// brief is an error on one line, without repetitions.
type brief struct{ error }

// Error is the text of the lines that differ.
func (b *brief) Error() string {
	lines := strings.Split(b.error.Error(), "\n")
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "; ")
}

// Unwrap is the whole error.
func (b *brief) Unwrap() error { return b.error }

func serverAdvice(err error, number uint16, state string) string {
	text := advice[number]
	if text == "" {
		text = stateAdvice[state]
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case text != "":
	case errors.As(err, &dns):
		text = "the name of the host in 'uri' is not known"
	case errors.Is(err, mysql.ErrNoTLS) || strings.Contains(err.Error(), "server refused TLS connection"):
		text = "the server offers no TLS: switch it on there, or take what asks for it (useSSL, sslMode, ssl) out of 'uri'"
	case errors.As(err, &op) || errors.Is(err, mysql.ErrInvalidConn):
		text = "look at host and port in 'uri', and whether the database server runs"
	default:
		return ""
	}
	return ": " + text
}

func sqliteAdvice(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "readonly"):
		return ": the file, or the folder it is in, is read-only for this user"
	case strings.Contains(text, "no such table"):
		return ": run 'tpush schema install'"
	case strings.Contains(text, "disk is full"):
		return ": the disk is full"
	case strings.Contains(text, "not a database"):
		return ": the file is no SQLite database"
	}
	return ""
}
