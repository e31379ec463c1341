package repository

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestParseURI(t *testing.T) {
	loc, err := parseURI("jdbc:mysql://db.example.com:3307,h2/tigasedb?user=tigase%5Fuser&password=p%26w%3D1&useSSL=true&requireSSL=true&serverTimezone=UTC&autoCreateUser=true&odd=1")
	if err != nil {
		t.Fatal(err)
	}
	m := loc.mysql
	if m.User != "tigase_user" || m.Passwd != "p&w=1" || m.DBName != "tigasedb" || m.TLSConfig != "skip-verify" {
		t.Errorf("read as user %q, password %q, database %q, TLS %q", m.User, m.Passwd, m.DBName, m.TLSConfig)
	}
	if !strings.Contains(m.Params["sql_mode"], "STRICT_TRANS_TABLES") {
		t.Errorf("parameters %v", m.Params)
	}
	if strings.Join(loc.hosts, " ") != "db.example.com:3307 h2:3306" || strings.Join(loc.ignored, " ") != "odd" {
		t.Errorf("hosts %v, ignored %v", loc.hosts, loc.ignored)
	}
	if loc, err := parseURI("jdbc:mariadb://[::1]/db"); err != nil || loc.hosts[0] != "[::1]:3306" || loc.mysql.TLSConfig != "false" {
		t.Errorf("%+v, %v", loc, err)
	}
}

// An & in a password that is not encoded ends it. The rest is not told.
func TestRestOfPassword(t *testing.T) {
	for _, kind := range []string{"mysql", "postgresql"} {
		loc, err := parseURI("jdbc:" + kind + "://h/db?user=u&password=se&cret&more=1&useUnicode=true&odd=1")
		if err != nil || len(loc.ignored) != 3 || strings.Contains(strings.Join(loc.ignored, " "), "cret") || strings.Contains(strings.Join(loc.ignored, " "), "more") || loc.ignored[2] != "odd" {
			t.Errorf("%s: %q, %v", kind, loc.ignored, err)
		}
	}
}

func TestPostgresURI(t *testing.T) {
	loc, err := parseURI("jdbc:postgresql://h1,h2:5433/tigase%20db?user=tigase_user&password=p%26w=1&useSSL=false&ApplicationName=x&connectTimeout=3&sslmode=disable&targetServerType=primary&autoCreateUser=true&odd=1")
	if err != nil {
		t.Fatal(err)
	}
	p := loc.postgres
	if p.User != "tigase_user" || p.Password != "p&w=1" || p.Database != "tigase db" || p.TLSConfig != nil || p.RuntimeParams["application_name"] != "x" || p.RuntimeParams["timezone"] != "UTC" {
		t.Errorf("read as user %q, password %q, database %q, TLS %v, %v", p.User, p.Password, p.Database, p.TLSConfig, p.RuntimeParams)
	}
	if p.Host != "h1" || len(p.Fallbacks) != 1 || p.Fallbacks[0].Host != "h2" || p.Fallbacks[0].Port != 5433 || p.ValidateConnect == nil || p.ConnectTimeout != 3*time.Second {
		t.Errorf("hosts %s and %+v", p.Host, p.Fallbacks)
	}
	if strings.Join(loc.ignored, " ") != "odd" {
		t.Errorf("ignored %v", loc.ignored)
	}
	loc, err = parseURI("jdbc:postgresql:tigasedb?prepareThreshold=0&ssl=true")
	if err != nil || loc.hosts[0] != "localhost:5432" || loc.postgres.TLSConfig == nil || loc.postgres.TLSConfig.InsecureSkipVerify || loc.postgres.DefaultQueryExecMode != pgx.QueryExecModeExec {
		t.Errorf("%+v, %v", loc, err)
	}
}

// TestTLS is what the parameters of both Java drivers ask for.
func TestTLS(t *testing.T) {
	for query, want := range map[string]string{
		"": "false", "useSSL=false": "false", "useSSL=true": "preferred", "usessl=TRUE&requireSSL=true": "skip-verify",
		"verifyServerCertificate=true&useSSL=true": "true", "sslMode=DISABLED": "false", "sslMode=PREFERRED": "preferred",
		"sslMode=REQUIRED": "skip-verify", "sslMode=VERIFY_CA": "true", "sslMode=VERIFY_IDENTITY": "true",
		"sslMode=verify-full": "true", "sslMode=trust": "skip-verify", "sslMode=disable&useSSL=false": "false",
	} {
		loc, err := parseURI("jdbc:mysql://h/db?" + query)
		if err != nil || loc.mysql.TLSConfig != want {
			t.Errorf("%s: %q, %v; want %q", query, loc.mysql.TLSConfig, err, want)
		}
		if chain := loc.mysql.TLS != nil; chain != strings.HasSuffix(query, "VERIFY_CA") {
			t.Errorf("%s: checks the chain only: %v", query, chain)
		}
	}
}

func TestForms(t *testing.T) {
	for uri, want := range map[string]string{
		"jdbc:mysql:loadbalance://h1,h2:1/db":        "h1:3306 h2:1",
		"jdbc:mariadb:sequential://h1,h2/db?user=u":  "h1:3306 h2:3306",
		"jdbc:mysql:replication://h1/db":             "h1:3306",
		"jdbc:mysql://u:p@h/db":                      "h:3306",
		"jdbc:mysql:///db":                           "localhost:3306",
		" jdbc:postgresql:///db ":                    "localhost:5432",
		"jdbc:postgresql://[::1]:1,[::2]/db?user=u":  "[::1]:1 [::2]:5432",
		"jdbc:mysql://localhost/tigasedb?user=u&&x=": "localhost:3306",
	} {
		loc, err := parseURI(uri)
		if err != nil || strings.Join(loc.hosts, " ") != want {
			t.Errorf("%s: %+v, %v; want hosts %s", uri, loc, err, want)
		}
		if err == nil && loc.spread != strings.Contains(uri, "loadbalance") {
			t.Errorf("%s: spread %v", uri, loc.spread)
		}
	}
}

func TestPeriod(t *testing.T) {
	for text, want := range map[string]time.Duration{"PT1H": time.Hour, "PT0S": 0, "PT15M": 15 * time.Minute, "P1DT2H3M4S": 26*time.Hour + 3*time.Minute + 4*time.Second, "": 0} {
		if got, err := period(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"P", "PT", "15", "PT1X", "P1M", "PT99999999999H"} {
		if got, err := period(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestParseURIErrors(t *testing.T) {
	for uri, want := range map[string]string{
		"":                                  "no JDBC URI",
		"mongodb://h/db":                    "MongoDB is not served by this program: served are jdbc:sqlite:, jdbc:mysql:, jdbc:mariadb: and jdbc:postgresql:",
		"mongodb+srv://h/db":                "MongoDB",
		"jdbc:derby:x;create=true":          "Derby can be read by Java programs only: served are",
		"jdbc:sqlserver://h;databaseName=d": "Microsoft SQL Server is not served",
		"jdbc:jtds:sqlserver://h/d":         "Microsoft SQL Server is not served",
		"jdbc:oracle:thin:@h":               `kind "oracle" are not served`,
		"jdbc:mysql:localhost":              "it reads jdbc:mysql://HOST",
		"jdbc:mysql://localhost":            "it reads jdbc:mysql://HOST",
		"jdbc:mysql://h:x/db":               "is no port",
		"jdbc:sqlite:":                      "name of a file",
		"jdbc:mysql://h/db?sslMode=odd":     "sslMode",
		"jdbc:mysql://h/db?sslMode=VERIFY_CA&serverSslCert=/none":  "no such file",
		"jdbc:mysql://h/db?trustCertificateKeyStoreUrl=file:x.jks": "Java key store",
		"jdbc:mysql://address=(host=h)(port=1)/db":                 "write the hosts as HOST:PORT,HOST:PORT",
		"jdbc:postgresql://h/":                                     "it reads jdbc:mysql://HOST",
		"jdbc:postgresql://h/db?sslmode=odd&password=hunter2":      "sslmode is invalid",
		"jdbc:postgresql://h/db?targetServerType=secondary":        "this program writes",
		"jdbc:mysql://h/db?connectTimeout=":                        "number of milliseconds",
	} {
		if _, err := parseURI(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", uri, err, want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"jdbc:mysql://h:1/db?user=a&password=b", "jdbc:sqlite:x", "jdbc:mariadb://[::1],h2:3/d?useSSL=true", "jdbc:mysql://%zz/d?user=%", "jdbc:postgresql://h,[::1]:2/d?ssl=true&options=x", "jdbc:postgresql:d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		loc, err := parseURI(uri)
		if err == nil && loc.engine != sqliteEngine && len(loc.hosts) == 0 {
			t.Error("no host")
		}
	})
}
