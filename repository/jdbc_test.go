package repository

import (
	"strings"
	"testing"
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
	if strings.Join(loc.hosts, " ") != "db.example.com:3307 h2:3306" || strings.Join(loc.ignored, " ") != "odd" {
		t.Errorf("hosts %v, ignored %v", loc.hosts, loc.ignored)
	}
	if loc, err := parseURI("jdbc:mariadb://[::1]/db"); err != nil || loc.hosts[0] != "[::1]:3306" || loc.mysql.TLSConfig != "false" {
		t.Errorf("%+v, %v", loc, err)
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
		"jdbc:mysql://h/db?connectTimeout=": "number of milliseconds",
	} {
		if _, err := parseURI(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", uri, err, want)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"jdbc:mysql://h:1/db?user=a&password=b", "jdbc:sqlite:x", "jdbc:mariadb://[::1],h2:3/d?useSSL=true", "jdbc:mysql://%zz/d?user=%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		loc, err := parseURI(uri)
		if err == nil && loc.engine == mysqlEngine && len(loc.hosts) == 0 {
			t.Error("no host")
		}
	})
}
