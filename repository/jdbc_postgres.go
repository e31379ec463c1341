package repository

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresParameters translates the parameters of the JDBC driver into those of
// libpq, which pgx reads.
type postgresParameters struct {
	*location
	user *url.Userinfo
	set  url.Values
	off  bool // prepared statements are not to be used (PgBouncer)
}

func parsePostgres(rest string) (*location, error) {
	l := &location{engine: postgresEngine}
	if !strings.HasPrefix(rest, "//") { // jdbc:postgresql:DATABASE
		rest = "///" + rest
	}
	query, err := l.split(rest, "5432")
	if err != nil {
		return nil, err
	}
	p := &postgresParameters{location: l, user: url.User(""), set: url.Values{"connect_timeout": {"15"}, "application_name": {"tpush"}, "timezone": {"UTC"}}}
	if err := p.parameters(query, p.take); err != nil {
		return nil, err
	}
	// A literal for several hosts is no valid host for package url.
	uri := "postgres://" + p.user.String() + "@" + strings.Join(l.hosts, ",") + "/" + url.PathEscape(l.database) + "?" + p.set.Encode()
	if l.postgres, err = pgx.ParseConfig(uri); err != nil {
		// The driver's text would show the URI.
		return nil, fmt.Errorf("user, hosts or TLS parameters cannot be used: %w", bareParse(err))
	}
	if p.off {
		l.postgres.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return l, nil
}

// bareParse is the cause within pgx's parse error, which cites the URI.
func bareParse(err error) error {
	if inner, ok := err.(interface{ Unwrap() error }); ok && inner.Unwrap() != nil {
		return inner.Unwrap()
	}
	return fmt.Errorf("look at sslmode, sslrootcert, sslcert and sslkey")
}

// pgjdbcOnly are parameters that are the Java driver's own affair, or that are
// always so here. Tigase's set-up writes useSSL, which that driver ignores, too.
const pgjdbcOnly = " useSSL useUnicode characterEncoding autoCreateUser cacheRepo tcpKeepAlive prepareThreshold preparedStatementCacheQueries" +
	" preparedStatementCacheSizeMiB reWriteBatchedInserts stringtype binaryTransfer defaultRowFetchSize loadBalanceHosts hostRecheckSeconds" +
	" allowEncodingChanges logUnclosedConnections assumeMinServerVersion databaseMetadataCacheFields autosave protocolVersion sslfactory gssEncMode" +
	" serverTimezone allowPublicKeyRetrieval useLegacyDatetimeCode autoReconnect readOnly sslResponseTimeout cancelSignalTimeout "

// passed are parameters that libpq knows under the same name.
const passed = " sslrootcert sslcert sslkey sslpassword options "

// take translates one parameter.
func (p *postgresParameters) take(key, value string) error {
	switch key {
	case "user":
		password, _ := p.user.Password()
		p.user = url.UserPassword(value, password)
	case "password":
		p.user = url.UserPassword(p.user.Username(), value)
	case "ssl":
		if (value == "true" || value == "") && p.set.Get("sslmode") == "" {
			p.set.Set("sslmode", "verify-full")
		}
	case "sslmode":
		p.set.Set("sslmode", strings.ToLower(value))
	case "connectTimeout", "loginTimeout":
		d, err := number(key, value, time.Second)
		if err != nil {
			return err
		}
		p.set.Set("connect_timeout", fmt.Sprint(int(d.Seconds())))
	case "socketTimeout":
		_, err := number(key, value, time.Second) // sql-query-timeout is the limit
		return err
	case "ApplicationName":
		p.set.Set("application_name", value)
	case "currentSchema":
		p.set.Set("search_path", value)
	case "targetServerType":
		return p.target(value)
	default:
		p.other(key, value)
	}
	if key == "prepareThreshold" && value == "0" {
		p.off = true
	}
	if key == "loadBalanceHosts" && value == "true" {
		p.spread = true
	}
	return nil
}

func (p *postgresParameters) other(key, value string) {
	switch {
	case strings.Contains(passed, " "+key+" "):
		p.set.Set(key, value)
	case !strings.Contains(pgjdbcOnly, " "+key+" "):
		p.ignored = append(p.ignored, key)
	}
}

func (p *postgresParameters) target(value string) error {
	switch value {
	case "any":
	case "primary", "master":
		p.set.Set("target_session_attrs", "read-write")
	default:
		return fmt.Errorf("targetServerType %q: it is any or primary, because this program writes", value)
	}
	return nil
}
