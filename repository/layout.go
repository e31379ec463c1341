package repository

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// layout says which columns of tig_push_devices hold what. Our own table has
// the columns of [ownLayout]; one that is there already may have others.
type layout struct {
	service, user, node, device keyed
	provider                    string
	second                      string   // the second token; "": in tig_push_device_data
	created                     string   // orders devices; may be ""
	times                       []string // must be set in a new row
	joined                      bool     // its keys are those of our other tables
	whole                       bool     // it has the columns of tig_push_device_data, and rows lie by [nodeKeys]
	readOnly                    string   // why nothing can be written; "": it can
}

// keyed is a text column, and the column of its hash where there is one.
type keyed struct {
	text, hash string
	jid        bool // compared without regard to case
	kind       hashKind
}

// hashKind is how a key column is made of its text.
type hashKind struct{ sha256, raw, upper, lowered bool }

func ownLayout() layout {
	key := func(name string, jid bool) keyed {
		return keyed{name, name + "_sha1", jid, hashKind{lowered: jid}}
	}
	return layout{
		service: key("service_jid", true), user: key("user_jid", true), node: key("node", false), device: key("device_id", false),
		provider: "provider", created: "created_at", joined: true,
	}
}

// of is the value of the key column.
func (k hashKind) of(text string) any {
	if k.raw {
		return k.sum(nil, text)
	}
	return k.text(text)
}

// text is the value of a key column that is a text.
func (k hashKind) text(text string) string {
	var sum [sha256.Size]byte
	var b [2 * sha256.Size]byte
	out := hex.AppendEncode(b[:0], k.sum(sum[:0], text))
	if k.upper {
		return strings.ToUpper(string(out))
	}
	return string(out)
}

func (k hashKind) sum(b []byte, text string) []byte {
	if k.lowered {
		text = strings.ToLower(text)
	}
	var in [128]byte // spares an allocation
	if k.sha256 {
		s := sha256.Sum256(append(in[:0], text...))
		return append(b, s[:]...)
	}
	s := sha1.Sum(append(in[:0], text...))
	return append(b, s[:]...)
}

// is returns the condition that a column holds one of the texts.
func (k *keyed) is(d *dialect, prefix string, texts ...string) (condition string, args []any) {
	column := prefix + k.text
	switch {
	case k.hash != "":
		column = prefix + k.hash
	case k.jid && d.engine != mysqlEngine:
		column = "lower(" + column + ")"
	}
	for _, t := range texts {
		args = append(args, k.value(d, t))
	}
	one := " IN (" + marks(len(texts)) + ")"
	if len(texts) == 1 {
		one = " = ?"
	}
	condition = column + one
	if k.exact(d) { // bytes are compared with ours, which are UTF-8
		condition += " AND BINARY CONVERT(" + column + " USING utf8mb4)" + one
		args = append(args, args...)
	}
	return condition, args
}

// value is what a text is compared as.
func (k *keyed) value(d *dialect, text string) any {
	switch {
	case k.hash != "":
		return k.kind.of(text)
	case k.jid && d.engine != mysqlEngine:
		return strings.ToLower(text)
	}
	return text
}

// exact reports whether a comparison has to be said twice: a collation of MySQL
// would merge texts that differ in case.
func (k *keyed) exact(d *dialect) bool { return k.hash == "" && !k.jid && d.engine == mysqlEngine }

// row is the condition for the row of a device.
func (l *layout) row(d *dialect, prefix string, dev *Device) (string, []any) {
	return l.all(d, prefix, []match{{&l.service, []string{dev.Service}}, {&l.user, []string{dev.Account}}, {&l.device, []string{dev.Token}}}, dev.Provider)
}

// match is a column with the texts that it may hold.
type match struct {
	key   *keyed
	texts []string
}

// all joins conditions.
func (l *layout) all(d *dialect, prefix string, matches []match, providers ...string) (string, []any) {
	var conditions []string
	var args []any
	for _, m := range matches {
		c, a := m.key.is(d, prefix, m.texts...)
		conditions, args = append(conditions, c), append(args, a...)
	}
	if len(providers) > 0 {
		conditions = append(conditions, prefix+l.provider+" IN ("+marks(len(providers))+")")
		for _, p := range providers {
			args = append(args, p)
		}
	}
	return strings.Join(conditions, " AND "), args
}

// selection is the SELECT of whole devices, up to the WHERE.
func (l *layout) selection() string {
	second := "NULL"
	if l.second != "" {
		second = "d." + l.second
	}
	columns := strings.Join([]string{"d." + l.service.text, "d." + l.user.text, "d." + l.node.text, "d." + l.provider, "d." + l.device.text}, ", ")
	if !l.joined {
		return "SELECT " + columns + ", " + second + ", NULL, NULL, NULL, NULL, NULL, NULL FROM tig_push_devices d WHERE "
	}
	if l.whole {
		return "SELECT " + columns + ", " + second + `, d.registered_ms, d.accepted_ms, d.failed_ms, d.failed_reason, d.failed_push_id, d.sandbox
		FROM tig_push_devices d WHERE `
	}
	if l.second == "" {
		second = "x.device_second_id"
	}
	return "SELECT " + columns + ", " + second + `, x.registered_ms, x.accepted_ms, x.failed_ms, x.failed_reason, x.failed_push_id, x.sandbox
		FROM tig_push_devices d LEFT JOIN tig_push_device_data x
		ON x.service_jid_sha1 = d.` + l.service.hash + " AND x.user_jid_sha1 = d." + l.user.hash +
		" AND x.provider = d." + l.provider + " AND x.device_id_sha1 = d." + l.device.hash + " WHERE "
}

// byNode is the condition for the devices of a node under a service.
func (l *layout) byNode(d *dialect, service, node string) (string, []any) {
	matches := []match{{&l.node, []string{node}}, {&l.service, []string{service}}}
	if !l.whole {
		return l.all(d, "d.", matches)
	}
	// The plus keeps the engine from the index of another column.
	condition, args := l.all(d, "+d.", matches)
	first, last := nodeKeys(node)
	return "d.node_key BETWEEN ? AND ? AND " + condition, append([]any{first, last}, args...)
}

// strays is the condition for those of a node's devices that another program may
// have put anywhere into an embedded database.
func (l *layout) strays(d *dialect, service, node string) (string, []any) {
	condition, args := l.all(d, "d.", []match{{&l.node, []string{node}}, {&l.service, []string{service}}})
	return condition + " AND d.registered_ms = 0", args
}

// nodeKeys are the first and the last place of a node's devices in an embedded
// database.
func nodeKeys(node string) (first, last int64) {
	const count = 1<<16 - 1
	var in [64]byte
	sum := sha1.Sum(append(in[:0], node...))
	first = int64(binary.BigEndian.Uint64(sum[:])>>1) &^ count
	return first, first | count
}

// data is the table that keeps what no other push component knows of a device.
func (l *layout) data() string {
	if l.whole {
		return "tig_push_devices"
	}
	return "tig_push_device_data"
}

// order sorts devices, the oldest first.
func (l *layout) order() string {
	if l.created == "" {
		return ""
	}
	return " ORDER BY d." + l.created
}

// marks returns n question marks.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// hash is the key of a text in our own tables.
func hash(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// jidHash is the key of an address, as Tigase's sha1(lower(jid)).
func jidHash(jid string) string { return hash(strings.ToLower(jid)) }

// dataKey are the key columns of our own tables.
var dataKey = []string{"service_jid_sha1", "user_jid_sha1", "provider", "device_id_sha1"}

const whereData = " WHERE service_jid_sha1 = ? AND user_jid_sha1 = ? AND provider = ? AND device_id_sha1 = ?"

// dataRow is a device's key in our own tables.
func dataRow(d *Device) []any {
	return []any{jidHash(d.Service), jidHash(d.Account), d.Provider, hash(d.Token)}
}
