package repository

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

func parseMySQL(rest string) (*location, error) {
	l := &location{engine: mysqlEngine, mysql: mysql.NewConfig()}
	mode, rest := strategy(rest)
	l.spread = mode == "loadbalance"
	query, err := l.split(rest, "3306")
	if err != nil {
		return nil, err
	}
	cfg := l.mysql
	cfg.Net, cfg.DBName, cfg.Addr = "tcp", l.database, l.hosts[0]
	cfg.ParseTime, cfg.ClientFoundRows = true, true
	cfg.Logger = &mysql.NopLogger{} // what it would print is in the errors
	// Statements that are used once take one round trip instead of three.
	cfg.InterpolateParams = true
	cfg.Timeout = 15 * time.Second
	// The Java driver has a server that would cut texts refuse them, too.
	cfg.Params = map[string]string{"time_zone": "'+00:00'", "sql_mode": "CONCAT(@@sql_mode,',STRICT_TRANS_TABLES')"}
	t := &mysqlParameters{location: l}
	if err := t.parameters(query, t.take); err != nil {
		return nil, err
	}
	return l, t.secure()
}

// strategy cuts what may stand before the hosts: jdbc:mysql:loadbalance://…,
// jdbc:mariadb:sequential://…
func strategy(rest string) (mode, address string) {
	if mode, address, ok := strings.Cut(rest, ":"); ok && strings.HasPrefix(address, "//") && mode != "" && !strings.Contains(mode, "/") {
		return mode, address
	}
	return "", rest
}

// mysqlParameters translates the parameters of MySQL Connector/J and MariaDB
// Connector/J, whose names are read without regard to case.
type mysqlParameters struct {
	*location
	use, require, verify, chain bool // TLS: if offered, always, with certificate, but not the name
	roots                       string
}

// javaOnly are parameters that are the Java driver's own affair, or that are
// always so here: UTF-8 and UTC.
const javaOnly = " useunicode characterencoding servertimezone connectiontimezone forceconnectiontimezonetosession uselegacydatetimecode" +
	" autoreconnect failoverreadonly maxreconnects allowpublickeyretrieval useserverprepstmts cacheprepstmts prepstmtcachesize prepstmtcachesqllimit" +
	" rewritebatchedstatements zerodatetimebehavior autocreateuser cacherepo noaccesstoprocedurebodies uselocalsessionstate" +
	" tcpkeepalive tcpnodelay allowmultiqueries useinformationschema nullcatalogmeanscurrent useaffectedrows cacheserverconfiguration" +
	" elidesetautocommits maintaintimestats usecursorfetch defaultfetchsize connectionattributes usepipelineauth enabledtlsprotocols enabledsslprotocolsuites "

// take translates one parameter.
func (p *mysqlParameters) take(key, value string) (err error) {
	yes := strings.EqualFold(value, "true")
	switch name := strings.ToLower(key); name {
	case "user":
		p.mysql.User = value
	case "password":
		p.mysql.Passwd = value
	case "usessl":
		p.use = yes
	case "requiressl":
		p.require = yes
	case "verifyservercertificate":
		p.verify = yes
	case "trustservercertificate":
		p.require = yes
	case "sslmode":
		return p.mode(value)
	case "serversslcert":
		p.roots = value
	case "trustcertificatekeystoreurl", "clientcertificatekeystoreurl":
		return fmt.Errorf("%s names a Java key store, which is not read here: give the server's certificates as a PEM file with serverSslCert=FILE", key)
	case "connectioncollation":
		p.mysql.Collation = value
	case "connecttimeout":
		p.mysql.Timeout, err = number(key, value, time.Millisecond)
	case "sockettimeout":
		p.mysql.ReadTimeout, err = number(key, value, time.Millisecond)
		p.mysql.WriteTimeout = p.mysql.ReadTimeout
	default:
		if !strings.Contains(javaOnly, " "+name+" ") {
			p.ignored = append(p.ignored, key)
		}
	}
	return err
}

func (p *mysqlParameters) mode(value string) error {
	switch strings.ToLower(strings.ReplaceAll(value, "-", "_")) {
	case "disabled", "disable":
		p.use, p.require, p.verify = false, false, false
	case "preferred":
		p.use = true
	case "required", "trust":
		p.require = true
	case "verify_ca":
		p.verify, p.chain = true, true
	case "verify_identity", "verify_full":
		p.verify = true
	default:
		return fmt.Errorf("sslMode %q: it is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY", value)
	}
	return nil
}

// secure sets the driver's TLS. As in Java, verifyServerCertificate alone does
// not ask for TLS, but sslMode does.
func (p *mysqlParameters) secure() error {
	cfg := p.mysql
	switch {
	case p.verify:
		cfg.TLSConfig = "true"
	case p.require:
		cfg.TLSConfig = "skip-verify"
	case p.use:
		cfg.TLSConfig = "preferred"
	default:
		cfg.TLSConfig = "false"
	}
	if !p.verify || p.roots == "" && !p.chain {
		return nil
	}
	cfg.TLS = &tls.Config{}
	if p.roots != "" {
		roots, err := certificates(p.roots)
		if err != nil {
			return err
		}
		cfg.TLS.RootCAs = roots
	}
	if p.chain {
		cfg.TLS = verifyChain(cfg.TLS.RootCAs)
	}
	return nil
}
