package main

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestEveryMessageIsExplained finds the texts that the program logs as warnings
// and errors, and looks for each on the page of messages.
func TestEveryMessageIsExplained(t *testing.T) {
	page, err := pages.ReadFile("docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	n := 0
	for _, f := range goFiles(t) {
		if strings.HasPrefix(f.pkg, "scripts/") || strings.HasSuffix(f.pkg, "test") {
			continue
		}
		ast.Inspect(f.ast, func(node ast.Node) bool {
			message, ok := logged(node)
			if ok {
				n++
				if !strings.Contains(text, message) {
					t.Errorf("%s: docs/errors.md does not explain %q", f.name, message)
				}
			}
			return true
		})
	}
	if n < 15 {
		t.Errorf("only %d messages found", n)
	}
}

// logged is the text of a call that logs a warning or an error; of a text that
// is put together, its beginning.
func logged(node ast.Node) (string, bool) {
	call, ok := node.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Warn" && method.Sel.Name != "Error" {
		return "", false
	}
	arg := call.Args[0]
	for {
		sum, ok := arg.(*ast.BinaryExpr)
		if !ok {
			break
		}
		arg = sum.X
	}
	lit, ok := arg.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	message, err := strconv.Unquote(lit.Value)
	return strings.TrimSpace(message), err == nil
}
