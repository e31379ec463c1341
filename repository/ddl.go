package repository

import (
	"embed"
	"regexp"
	"strings"
)

//go:embed schema/*.sql
var ddl embed.FS

// Part is what a data source is used for.
type Part uint8

// Parts of the schema.
const (
	UserTables   Part = 1 << iota // Tigase's user repository
	DeviceTables                  // the registered devices
	versionTable                  // always
)

// object is a table with its indexes, or a routine.
type object struct {
	kind, name string // table, routine
	sql        []string
}

// String names it in a message.
func (o object) String() string { return o.kind + " " + o.name }

// key is how the catalog names it.
func (o object) key() string { return o.kind + " " + strings.ToLower(o.name) }

// ddlFile is the text that creates a part on an engine.
func (d *dialect) ddlFile(p Part) string {
	engine := map[engine]string{sqliteEngine: "sqlite", mysqlEngine: "mysql", postgresEngine: "postgresql"}[d.engine]
	name := map[Part]string{UserTables: "users", DeviceTables: "devices", versionTable: "versions"}[p]
	text, err := ddl.ReadFile("schema/" + engine + "-" + name + ".sql")
	if err != nil {
		panic(err) // the files are in the program; a test reads them all
	}
	return string(text)
}

// objects are what the parts consist of, in the order of creation.
func (d *dialect) objects(parts Part) (out []object) {
	for _, p := range []Part{versionTable, UserTables, DeviceTables} {
		if p&(parts|versionTable) == 0 {
			continue
		}
		for _, statement := range statements(d.ddlFile(p)) {
			m := creates.FindStringSubmatch(statement)
			if m == nil { // an index is its table's
				last := &out[len(out)-1]
				last.sql = append(last.sql, statement)
				continue
			}
			kind := "table"
			if !strings.EqualFold(m[1], "TABLE") {
				kind = "routine"
			}
			out = append(out, object{kind, m[2], []string{statement}})
		}
	}
	return out
}

var creates = regexp.MustCompile(`^CREATE (TABLE|PROCEDURE|FUNCTION) (\w+)`)

// statements splits a file for the engines' command-line programs: at
// semicolons at the end of a line, at the delimiter that a "delimiter" line
// sets, and not within $$.
func statements(file string) (out []string) {
	delimiter, quoted := ";", false
	var now []string
	for line := range strings.Lines(file) {
		line = strings.TrimRight(line, "\n")
		if set, ok := strings.CutPrefix(line, "delimiter "); ok {
			delimiter = set
			continue
		}
		if len(now) == 0 && (line == "" || strings.HasPrefix(line, "--")) {
			continue
		}
		if strings.Count(line, "$$")%2 == 1 {
			quoted = !quoted
		}
		text, ends := strings.CutSuffix(line, delimiter)
		if quoted || !ends {
			now = append(now, line)
		} else {
			now = append(now, text)
			out, now = append(out, strings.Join(now, "\n")), nil
		}
	}
	return out
}
