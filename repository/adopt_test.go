package repository

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// foreign are tables of devices as another push component may have them.
var foreign = map[engine]string{
	mysqlEngine: `CREATE TABLE tig_push_devices (
		id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
		service_jid varchar(2049) NOT NULL, service_jid_sha1 char(40) NOT NULL,
		user_jid varchar(2049) NOT NULL, user_jid_sha1 char(40) NOT NULL,
		node varchar(255) NOT NULL, node_sha1 char(40) NOT NULL,
		provider varchar(255) NOT NULL, device_id varchar(4096) NOT NULL, device_id_sha1 char(40) NOT NULL,
		device_second_id varchar(4096), registered timestamp(6) NOT NULL,
		UNIQUE KEY k (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)
	) ENGINE=InnoDB DEFAULT CHARACTER SET utf8 ROW_FORMAT=DYNAMIC`,
	postgresEngine: `CREATE TABLE tig_push_devices (
		id bigserial PRIMARY KEY,
		service_jid varchar(2049) NOT NULL, user_jid varchar(2049) NOT NULL,
		node varchar(255) NOT NULL, provider varchar(255) NOT NULL, device_id text NOT NULL, device_id_hash bytea NOT NULL,
		device_second_id text, registered timestamp with time zone NOT NULL)`,
	sqliteEngine: `CREATE TABLE tig_push_devices (
		id integer PRIMARY KEY,
		service_jid varchar(2049) NOT NULL, service_jid_id char(64) NOT NULL,
		user_jid varchar(2049) NOT NULL, user_jid_id char(64) NOT NULL,
		node varchar(255) NOT NULL, node_id char(64) NOT NULL,
		provider varchar(255) NOT NULL, device_id varchar(4096) NOT NULL, device_id_id char(64) NOT NULL,
		device_second_id varchar(4096), registered timestamp NOT NULL DEFAULT 0)`,
}

// foreignRow adds a device as its owner does.
var foreignRow = map[engine]string{
	mysqlEngine: `INSERT INTO tig_push_devices (service_jid, service_jid_sha1, user_jid, user_jid_sha1, node, node_sha1, provider, device_id, device_id_sha1, device_second_id, registered)
		SELECT s, sha1(lower(s)), u, sha1(lower(u)), n, sha1(n), 'apns', t, sha1(t), 'voip', now() FROM (SELECT 'push.example.com' s, 'Ala@example.com' u, 'shared' n, ? t) x`,
	postgresEngine: `INSERT INTO tig_push_devices (service_jid, user_jid, node, provider, device_id, device_id_hash, device_second_id, registered)
		SELECT 'push.example.com', 'Ala@example.com', 'shared', 'apns', t, sha256(convert_to(t, 'UTF8')), 'voip', now() FROM (SELECT ?::text t) x`,
}

// adopted is a program on a database with another's table and two devices of
// one node in it.
func adopted(t *testing.T, uri string, change func(table string) string) *Devices {
	t.Helper()
	ds := openSource(t, uri)
	ok(t, ds.connect(t.Context()))
	s := ds.writing()
	ok(t, s.exec(t.Context(), change(foreign[ds.engine])))
	for _, token := range []string{"AB", "CD"} {
		if q := foreignRow[ds.engine]; q != "" {
			ok(t, s.exec(t.Context(), q, token))
			continue
		}
		kind := hashKind{sha256: true}
		ok(t, s.exec(t.Context(), `INSERT INTO tig_push_devices (service_jid, service_jid_id, user_jid, user_jid_id, node, node_id, provider, device_id, device_id_id, device_second_id)
			VALUES ('push.example.com', ?, 'Ala@example.com', ?, 'shared', ?, 'apns', ?, ?, 'voip')`,
			kind.of("push.example.com"), kind.of("ala@example.com"), kind.of("shared"), token, kind.of(token)))
	}
	return openDevices(t, uri)
}

func same(s string) string { return s }

func TestAdoptedTable(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		d := adopted(t, uri, same)
		if services, err := d.Services(t.Context()); err != nil || len(services) != 1 || services[0] != "push.example.com" {
			t.Errorf("services %v, %v", services, err)
		}
		got := byNode(t, d, "shared")
		if len(got) != 2 || got[0].SecondToken != "voip" || got[0].Account != "Ala@example.com" || !got[0].Registered.IsZero() {
			t.Fatalf("devices of the node: %+v", got)
		}
		if got := byNode(t, d, "SHARED"); len(got) != 0 {
			t.Error("nodes are compared without regard to case")
		}
		again := register(t, d, key("AB"), "voip2", "new")
		if again.Node != "shared" || again.SecondToken != "voip2" {
			t.Errorf("registered again: %+v", again)
		}
		fresh := register(t, d, key("ab"), "", "new")
		if got := byNode(t, d, "new"); len(got) != 1 || got[0] != fresh {
			t.Errorf("a new device: %+v, want %+v", got, fresh)
		}
		if got, err := d.ByAccount(t.Context(), "push.example.com", "ala@EXAMPLE.com"); err != nil || len(got) != 3 {
			t.Errorf("devices of the account: %+v, %v", got, err)
		}
		if got, err := d.ByToken(t.Context(), []string{"apns", "x"}, "CD"); err != nil || len(got) != 1 {
			t.Errorf("devices of the token: %+v, %v", got, err)
		}
		// The owner reads our rows by its own keys, and nothing else is in them.
		if n := ownersRows(t, d, "ab"); n != 1 {
			t.Errorf("the table's owner finds %d rows of ours", n)
		}
		cd := func() Device {
			got, err := d.Find(t.Context(), key("CD"))
			ok(t, err)
			return got
		}
		ok(t, d.NoteOutcome(t.Context(), cd(), Outcome{Accepted: true, Time: again.Registered}))
		if got := cd(); got.LastAccepted.IsZero() || got.SecondToken != "voip" {
			t.Errorf("after a push: %+v", got)
		}
		ok(t, d.ClearSecondToken(t.Context(), cd()))
		if got := cd(); got.SecondToken != "" {
			t.Errorf("after the second token is cleared: %+v", got)
		}
		if _, err := d.Unregister(t.Context(), key("CD")); err != nil {
			t.Error(err)
		}
		if got := byNode(t, d, "shared"); len(got) != 1 || got[0].Token != "AB" {
			t.Errorf("after one is unregistered: %+v", got)
		}
	})
}

func ownersRows(t *testing.T, d *Devices, token string) (n int) {
	t.Helper()
	query := map[engine]string{
		mysqlEngine:    "SELECT count(*) FROM tig_push_devices WHERE service_jid_sha1 = sha1('push.example.com') AND device_id_sha1 = sha1(?) AND device_second_id IS NULL",
		postgresEngine: "SELECT count(*) FROM tig_push_devices WHERE lower(service_jid) = 'push.example.com' AND device_id_hash = sha256(convert_to(?::text, 'UTF8')) AND device_second_id IS NULL",
		sqliteEngine:   "SELECT count(*) FROM tig_push_devices WHERE device_id = ? AND length(device_id_id) = 64 AND device_second_id IS NULL",
	}[d.ds.engine]
	ok(t, d.ds.reading().row(t.Context(), query, token).Scan(&n))
	return n
}

func TestAdoptedTableThatIsNotUnderstood(t *testing.T) {
	ds := openSource(t, "jdbc:sqlite:"+t.TempDir()+"/x.db")
	ok(t, ds.connect(t.Context()))
	ok(t, ds.writing().exec(t.Context(), "CREATE TABLE tig_push_devices (service_id integer, user_id integer, node text, provider text, device_id text)"))
	err := ds.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "none of its columns (service_id, user_id, node, provider, device_id) seems to hold the service JID") {
		t.Errorf("error %v", err)
	}
}

func TestAssignedKeys(t *testing.T) {
	k := keyed{text: "node", hash: "node_sha1"}
	for _, kind := range []hashKind{{}, {upper: true}, {sha256: true}, {raw: true}, {sha256: true, raw: true}, {lowered: true}} {
		value := kind.of("Node")
		text, isText := value.(string)
		if !isText {
			text = string(value.([]byte))
		}
		c := column{typ: map[bool]string{true: "char", false: "binary"}[isText], length: len(text)}
		if !k.recognize(c.kinds(), [][2]string{{"Node", text}}) || k.kind != kind {
			t.Errorf("%+v taken for %+v", kind, k.kind)
		}
	}
	c := column{typ: "char", length: 40}
	// A letter that the database makes small in its own way.
	odd := [][2]string{{"GROẞ@example.com", strings.Repeat("0", 40)}, {"Ala@example.com", jidHash("ala@example.com")}, {"ola@example.com", jidHash("ola@example.com")}}
	if jid := (keyed{text: "user_jid", hash: "user_jid_sha1", jid: true}); !jid.recognize(c.kinds(), odd) || jid.kind != (hashKind{lowered: true}) {
		t.Errorf("with an odd row among others: %+v", jid.kind)
	}
	if k.recognize(c.kinds(), [][2]string{{"Node", strings.Repeat("0", 40)}}) {
		t.Error("a hash that is none was recognized")
	}
}

func TestReadOnlyTable(t *testing.T) {
	ds := openSource(t, "jdbc:sqlite:"+t.TempDir()+"/x.db")
	ok(t, ds.connect(t.Context()))
	ok(t, ds.writing().exec(t.Context(), "CREATE TABLE tig_push_devices (service_jid text NOT NULL, user_jid text NOT NULL, node text NOT NULL, provider text NOT NULL, device_id text NOT NULL, colour text NOT NULL)"))
	ok(t, ds.writing().exec(t.Context(), "INSERT INTO tig_push_devices VALUES ('push.example.com', 'ala@example.com', 'n1', 'apns', 'AB', 'red')"))
	d := NewDevices(ds, slog.New(slog.DiscardHandler))
	defer d.Close()
	ok(t, ds.Start(context.Background()))
	if got := byNode(t, d, "n1"); len(got) != 1 {
		t.Errorf("devices %+v", got)
	}
	if again := register(t, d, key("AB"), "voip", "n2"); again.Node != "n1" || again.SecondToken != "voip" {
		t.Errorf("a known device registered again: %+v", again)
	}
	_, err := d.Register(t.Context(), key("XY"), "", "n2")
	if err == nil || errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "colour") {
		t.Errorf("error %v", err)
	}
}
