package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tpush/tpush/"

// mayImport is the plan: every package, and what of the others it may know. A
// package that is not here is not in the plan.
var mayImport = map[string][]string{
	"cmd/tpush":               {"*"},
	"beans":                   {"tdsl"},
	"tdsl":                    {},
	"component/xmpp":          {},
	"component/ext":           {"component/xmpp", "repository"},
	"component/ext/exttest":   {"component/xmpp"},
	"component/push":          {"component/xmpp", "component/stats", "providers", "repository"},
	"component/http":          {"component/push", "component/stats"},
	"component/stats":         {},
	"providers":               {},
	"providers/h2":            {},
	"providers/apns":          {"providers", "providers/h2"},
	"providers/apns/apnstest": {},
	"providers/fcm":           {"providers", "providers/h2"},
	"providers/fcm/fcmtest":   {},
	"providers/fcmxmpp":       {"providers"},
	"repository":              {},
}

// rooms is where each third-party module may be used; its prefix decides.
var rooms = map[string][]string{
	"github.com/alecthomas/participle/v2": {"tdsl"},
	"github.com/alecthomas/kong":          {"cmd/tpush"},
	"mellium.im/":                         {"component/", "providers/fcmxmpp", "cmd/tpush"},
	"modernc.org/libc":                    {"repository"},
	"modernc.org/sqlite":                  {"repository"},
	"zombiezen.com/go/sqlite":             {"repository"},
	"github.com/go-sql-driver/mysql":      {"repository"},
	"github.com/jackc/pgx/v5":             {"repository"},
	"github.com/sideshow/apns2":           {"providers/apns"},
	"software.sslmate.com/src/go-pkcs12":  {"providers/apns", "providers/apns/apnstest"},
	"firebase.google.com/go/v4":           {"providers/fcm"},
	"golang.org/x/oauth2":                 {"providers/fcm"},
	"google.golang.org/api":               {"providers/fcm"},
	"golang.org/x/net":                    {"providers/h2", "providers/apns/apnstest"},
	"golang.org/x/term":                   {"cmd/tpush"},
	"golang.org/x/text/width":             {"cmd/tpush"},
	"github.com/prometheus/client_golang": {"component/http"},
}

// maxLines is the length of a file, in lines.
const maxLines = 400

// goFile is one Go file that is no test.
type goFile struct {
	name string // relative to the project's root
	pkg  string // its folder
	text string
	ast  *ast.File
}

// goFiles reads the project's Go files.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []goFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, goFile{rel, path.Dir(rel), string(text), file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d files found: is the test in its place?", len(out))
	}
	return out
}

func TestImports(t *testing.T) {
	for _, s := range goFiles(t) {
		if strings.HasPrefix(s.pkg, "scripts/") {
			continue // small programs of their own
		}
		allowed, ok := mayImport[s.pkg]
		if !ok {
			t.Errorf("%s: package %s is not in the plan", s.name, s.pkg)
			continue
		}
		for _, imp := range s.ast.Imports {
			p := strings.Trim(imp.Path.Value, `"`)
			if own, ok := strings.CutPrefix(p, module); ok {
				if !slices.Contains(allowed, own) && !slices.Contains(allowed, "*") {
					t.Errorf("%s imports %s, which %s does not know", s.name, own, s.pkg)
				}
				continue
			}
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
				continue
			}
			if !inRoom(p, s.pkg) {
				t.Errorf("%s imports %s, which has its room elsewhere or none", s.name, p)
			}
		}
	}
}

func inRoom(imported, pkg string) bool {
	for prefix, pkgs := range rooms {
		if strings.HasPrefix(imported, prefix) {
			return slices.ContainsFunc(pkgs, func(p string) bool {
				return pkg == p || strings.HasSuffix(p, "/") && strings.HasPrefix(pkg, p)
			})
		}
	}
	return false
}

func TestFileLength(t *testing.T) {
	for _, s := range goFiles(t) {
		if n := strings.Count(s.text, "\n"); n > maxLines {
			t.Errorf("%s has %d lines, more than %d", s.name, n, maxLines)
		}
	}
}

func TestDocComments(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range goFiles(t) {
		documented[s.pkg] = documented[s.pkg] || s.ast.Doc != nil
		for _, decl := range s.ast.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: %s has no doc comment", s.name, name)
			}
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

// undocumented names what a declaration exports without a comment.
func undocumented(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch sp := spec.(type) {
			case *ast.TypeSpec:
				if sp.Name.IsExported() && d.Doc == nil && sp.Doc == nil {
					names = append(names, sp.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range sp.Names {
					if n.IsExported() && d.Doc == nil && sp.Doc == nil && sp.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return !ok || id.IsExported()
}

func TestNamesAndInit(t *testing.T) {
	for _, s := range goFiles(t) {
		for _, word := range []string{"util", "common", "helper", "manager", "misc"} {
			if strings.Contains(strings.ToLower(path.Base(s.name)), word) || s.ast.Name.Name == word {
				t.Errorf("%s: a file or package named %q says nothing", s.name, word)
			}
		}
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s has an init function", s.name)
			}
		}
	}
}

func TestTopLevel(t *testing.T) {
	plan := []string{".ci", ".git", ".gitignore", ".github", "LICENSE", "NOTICE", "README.md", "beans", "cmd", "component", "etc",
		"go.mod", "go.sum", "providers", "repository", "scripts", "staticcheck.conf", "tdsl"}
	left := []string{"data", "logs", "tpush", "dist"} // what runs and builds leave behind; ignored by git
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(plan, e.Name()) && !slices.Contains(left, e.Name()) {
			t.Errorf("%s is not in the plan of the top level", e.Name())
		}
	}
}
