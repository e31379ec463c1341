package repository

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// engine is a kind of database.
type engine uint8

const (
	sqliteEngine engine = iota
	mysqlEngine
)

// location is what a JDBC URI says.
type location struct {
	engine  engine
	file    string        // SQLite
	mysql   *mysql.Config // MySQL and MariaDB
	hosts   []string      // host:port, tried in order
	ignored []string      // parameters without a meaning here
}

const served = "served are jdbc:sqlite:, jdbc:mysql: and jdbc:mariadb:"

// parseURI reads Tigase's JDBC URIs. Parameters are translated by a list: the
// driver would hand unknown ones to the server, which refuses them.
func parseURI(uri string) (*location, error) {
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
	}
	return nil, fmt.Errorf("databases of kind %q are not served by this program: %s", kind, served)
}

func parseMySQL(rest string) (*location, error) {
	rest = strings.TrimPrefix(rest, "loadbalance:")
	rest, ok := strings.CutPrefix(rest, "//")
	authority, rest, found := strings.Cut(rest, "/")
	database, query, _ := strings.Cut(rest, "?")
	if !ok || !found || database == "" {
		return nil, errors.New("it reads jdbc:mysql://HOST[:PORT]/DATABASE?user=USER&password=PASSWORD")
	}
	loc := &location{engine: mysqlEngine, mysql: mysql.NewConfig()}
	cfg := loc.mysql
	cfg.Net, cfg.DBName = "tcp", database
	cfg.ParseTime, cfg.ClientFoundRows = true, true
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = 15*time.Second, 30*time.Second, 30*time.Second
	cfg.Params = map[string]string{"time_zone": "'+00:00'"}
	cfg.TLSConfig = "false"
	for host := range strings.SplitSeq(authority, ",") {
		address, err := hostPort(host, "3306")
		if err != nil {
			return nil, err
		}
		loc.hosts = append(loc.hosts, address)
	}
	cfg.Addr = loc.hosts[0]
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		if err := loc.parameter(key, value); err != nil {
			return nil, err
		}
	}
	return loc, nil
}

func hostPort(host, port string) (string, error) {
	if host == "" {
		host = "localhost"
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("port %q is no port", port)
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port), nil
}

// parameter translates one JDBC parameter (names as in MySQL Connector/J).
func (l *location) parameter(key, value string) error {
	cfg := l.mysql
	switch key {
	case "user":
		cfg.User = value
	case "password":
		cfg.Passwd = value
	case "useSSL":
		if value == "true" && cfg.TLSConfig == "false" {
			cfg.TLSConfig = "preferred"
		}
	case "requireSSL":
		if value == "true" && cfg.TLSConfig != "true" {
			cfg.TLSConfig = "skip-verify"
		}
	case "verifyServerCertificate":
		if value == "true" {
			cfg.TLSConfig = "true"
		}
	case "sslMode":
		mode, ok := map[string]string{"DISABLED": "false", "PREFERRED": "preferred", "REQUIRED": "skip-verify", "VERIFY_CA": "true", "VERIFY_IDENTITY": "true"}[strings.ToUpper(value)]
		if !ok {
			return fmt.Errorf("sslMode %q: it is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY", value)
		}
		cfg.TLSConfig = mode
	case "connectionCollation":
		cfg.Collation = value
	case "connectTimeout", "socketTimeout":
		ms, err := strconv.Atoi(value)
		if err != nil || ms < 0 {
			return fmt.Errorf("%s %q: it is a number of milliseconds", key, value)
		}
		if d := time.Duration(ms) * time.Millisecond; key == "connectTimeout" {
			cfg.Timeout = d
		} else {
			cfg.ReadTimeout, cfg.WriteTimeout = d, d
		}
	case "useUnicode", "characterEncoding", "serverTimezone", "connectionTimeZone", "useLegacyDatetimeCode", "autoReconnect",
		"allowPublicKeyRetrieval", "useServerPrepStmts", "cachePrepStmts", "rewriteBatchedStatements", "zeroDateTimeBehavior",
		"autoCreateUser", "cacheRepo", "noAccessToProcedureBodies", "useLocalSessionState", "tcpKeepAlive":
		// UTF-8 and UTC always; the rest is the Java driver's own affair.
	default:
		l.ignored = append(l.ignored, key)
	}
	return nil
}
