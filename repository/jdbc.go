package repository

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
)

// location is what a JDBC URI says.
type location struct {
	engine   engine
	file     string          // SQLite
	mysql    *mysql.Config   // MySQL and MariaDB
	postgres *pgx.ConnConfig // PostgreSQL
	database string
	hosts    []string // host:port, tried in order
	spread   bool     // each connection begins at another host
	ignored  []string // parameters without a meaning here
}

const served = "served are jdbc:sqlite:, jdbc:mysql:, jdbc:mariadb: and jdbc:postgresql:"

// parseURI reads Tigase's JDBC URIs. Parameters are translated by a list: the
// drivers would hand unknown ones to the server, which refuses them.
func parseURI(uri string) (*location, error) {
	uri = strings.TrimSpace(uri)
	if strings.HasPrefix(uri, "mongodb") {
		return nil, errors.New("MongoDB is not served by this program: " + served)
	}
	rest, ok := strings.CutPrefix(uri, "jdbc:")
	if !ok {
		return nil, errors.New("it is no JDBC URI: " + served)
	}
	kind, rest, _ := strings.Cut(rest, ":")
	switch kind {
	case "sqlite":
		if rest == "" || strings.ContainsAny(rest, "\x00?") {
			return nil, errors.New("jdbc:sqlite: is followed by the name of a file, such as jdbc:sqlite:data/tpush.db")
		}
		return &location{engine: sqliteEngine, file: rest}, nil
	case "mysql", "mariadb":
		return parseMySQL(rest)
	case "postgresql":
		return parsePostgres(rest)
	case "derby":
		return nil, errors.New("Derby can be read by Java programs only: " + served)
	case "sqlserver", "jtds":
		return nil, errors.New("Microsoft SQL Server is not served by this program: " + served)
	}
	return nil, fmt.Errorf("databases of kind %q are not served by this program: %s", kind, served)
}

// split takes an address apart that reads //HOST[:PORT][,HOST…]/DATABASE?QUERY;
// the user that may stand before the hosts becomes a parameter.
func (l *location) split(rest, port string) (query string, err error) {
	rest, ok := strings.CutPrefix(rest, "//")
	authority, rest, _ := strings.Cut(rest, "/")
	l.database, query, _ = strings.Cut(rest, "?")
	l.database = decoded(l.database)
	if !ok || l.database == "" {
		return "", errors.New("it reads jdbc:mysql://HOST[:PORT]/DATABASE?user=USER&password=PASSWORD, or the same with jdbc:postgresql:")
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		query = "user=" + user + "&password=" + password + "&" + query
		authority = authority[at+1:]
	}
	for host := range strings.SplitSeq(authority, ",") {
		address, err := hostPort(strings.TrimSpace(host), port)
		if err != nil {
			return "", err
		}
		l.hosts = append(l.hosts, address)
	}
	return query, nil
}

// decoded undoes percent-encoding; a text that has none stays.
func decoded(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

// parameters calls translate for every parameter. A password may hold = but no
// & unless that is encoded: what has no meaning behind it may be the rest of it,
// and is told without its name.
func (l *location) parameters(query string, translate func(key, value string) error) error {
	secret := false
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		known := len(l.ignored)
		if err := translate(key, decoded(value)); err != nil {
			return err
		}
		if len(l.ignored) > known && secret {
			l.ignored[known] = "the one behind password (an & in a password is written %26)"
			continue // the next may be, too
		}
		secret = strings.Contains(strings.ToLower(key), "password")
	}
	return nil
}

func hostPort(host, port string) (string, error) {
	if strings.HasPrefix(host, "address=") || strings.HasPrefix(host, "(") {
		return "", errors.New("write the hosts as HOST:PORT,HOST:PORT: the form with brackets is not served")
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	if host = strings.Trim(host, "[]"); host == "" {
		host = "localhost"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("port %q is no port", port)
	}
	return net.JoinHostPort(host, port), nil
}

// number reads a whole number of units.
func number(key, value string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q: it is a number of %s", key, value, map[time.Duration]string{time.Millisecond: "milliseconds", time.Second: "seconds"}[unit])
	}
	return time.Duration(n) * unit, nil
}

// verifyChain is TLS that checks the server's certificate, but not its name.
func verifyChain(roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, // the chain is checked below
		VerifyConnection: func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, c := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(c)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		},
	}
}

func certificates(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(strings.TrimPrefix(file, "file:"))
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}
