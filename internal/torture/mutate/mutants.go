// SPDX-License-Identifier: Apache-2.0

package mutate

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A Mutant is a small change to a file, such as a bug may be: another operator, another constant, a condition that is
// negated, a statement that is gone.
type Mutant struct {
	File     string // below the module's root
	Line     int
	What     string
	from, to int // the bytes that are replaced
	by       string
}

func (m Mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.What) }

// operators are what each operator becomes.
var operators = map[token.Token]string{
	token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*", token.LSS: "<=", token.LEQ: "<", token.GTR: ">=",
	token.GEQ: ">", token.EQL: "!=", token.NEQ: "==", token.LAND: "||", token.LOR: "&&",
}

// Of lists the mutants of a file. With only, those within functions for which it reports true.
func Of(root, file string, only func(function string) bool) ([]Mutant, error) {
	path := filepath.Join(root, filepath.FromSlash(file))
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var all []Mutant
	add := func(from, to token.Pos, by, what string) {
		p := set.Position(from)
		all = append(all, Mutant{file, p.Line, what, p.Offset, set.Position(to).Offset, by})
	}
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || only != nil && !only(f.Name.Name) {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if by, ok := operators[n.Op]; ok {
					add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), by, n.Op.String()+" becomes "+by)
				}
			case *ast.BasicLit:
				if by, ok := another(n); ok {
					add(n.Pos(), n.End(), by, n.Value+" becomes "+by)
				}
			case *ast.IfStmt:
				add(n.Cond.Pos(), n.Cond.Pos(), "!(", "condition negated")
				all[len(all)-1].to = set.Position(n.Cond.End()).Offset
			case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt:
				add(n.Pos(), n.End(), "", "statement removed")
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					add(n.Pos(), n.End(), "", "assignment removed")
				}
			}
			return true
		})
	}
	return all, nil
}

// another is another constant in place of a number.
func another(n *ast.BasicLit) (string, bool) {
	switch n.Kind {
	case token.INT:
		if v, err := strconv.Atoi(n.Value); err == nil {
			return strconv.Itoa(v + 1), true
		}
	case token.FLOAT:
		return "(2*" + n.Value + "+1)", true
	}
	return "", false
}

// What the tests say of a mutant.
const (
	Killed   = "killed"
	Survived = "survived"
	Invalid  = "invalid" // it does not compile
)

// Try runs tests with the mutant in place of the original, in a folder for files. Tests that run for very long count as
// failed.
func (m Mutant) Try(ctx context.Context, root, dir string, arguments ...string) (string, error) {
	path := filepath.Join(root, filepath.FromSlash(m.File))
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	by := m.by
	if by == "!(" {
		by += string(text[m.from:m.to]) + ")"
	}
	changed := string(text[:m.from]) + by + string(text[m.to:])
	overlay, err := Replace(dir, path, []byte(changed))
	if err != nil {
		return "", err
	}
	c := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-failfast", "-vet=off")
	c.Args = append(c.Args, arguments...)
	c.Dir = root
	out, err := c.CombinedOutput()
	switch {
	case err == nil:
		return Survived, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case strings.Contains(string(out), "[build failed]"):
		return Invalid, nil
	}
	return Killed, nil
}
