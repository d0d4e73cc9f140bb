// SPDX-License-Identifier: Apache-2.0

// Pages fills in the parts of the pages that come from the code or from docs/evidence.yaml: the text of block NAME goes
// between the lines
//
//	<!-- generated: NAME -->
//	<!-- end -->
//
// The rest of a page is written by hand. A method's page, docs/methods/NAME.md, has the blocks summary, gradient,
// settings and measured; README.md there has table. docs/settings.md has sources, from the files of preset/sources,
// which are checked against the code. docs/exit-statuses.md has statuses; docs/reliability.md has campaign, from
// docs/torture.json, and repairs, from docs/reliability.yaml; docs/use.md has the steps of docs/use.yaml;
// docs/benchmarks.md has benchmarks, from bench/results.json. With -check it writes nothing, and a page that would
// change, or has a wrong statement, is an error.
//
// For the blocks gradient and table it runs a training step of every method, which needs the engine. Without the engine
// it leaves them as they are.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/internal/place"
	"github.com/parallax-ssl/parallax/torch"
)

func main() {
	check := flag.Bool("check", false, "change nothing; fail if a page is stale or wrong")
	flag.Parse()
	if err := pages(*check); err != nil {
		fmt.Fprintln(os.Stderr, "pages: "+strings.ReplaceAll(err.Error(), "\n", "\npages: "))
		os.Exit(1)
	}
}

func pages(check bool) error {
	root, err := place.Module()
	if err != nil {
		return err
	}
	all, err := read(root)
	if err != nil {
		return err
	}
	g := generator{root: root, engine: torch.Load() == nil}
	if g.evidence, err = readEvidence(root); err != nil {
		return err
	}
	changed := 0
	for _, p := range all {
		text, err := g.fill(p)
		if err != nil {
			return err
		}
		if text == p.text {
			continue
		}
		changed++
		if check {
			fmt.Fprintf(os.Stderr, "pages: %s is stale: refresh it with \"make pages\"\n", p.path)
			continue
		}
		if err := os.WriteFile(filepath.Join(root, p.path), []byte(text), 0o666); err != nil {
			return err
		}
	}
	if !g.engine {
		fmt.Fprintln(os.Stderr, "pages: there is no engine here (\"make build\" builds it), "+
			"so the blocks gradient and table were left as they are")
	}
	fmt.Printf("pages: %d pages, %d %s\n", len(all), changed, map[bool]string{true: "stale", false: "refreshed"}[check])
	if !check {
		return nil
	}
	mistakes := mistakes(all)
	if changed > 0 {
		mistakes = append(mistakes, errors.New("some pages are stale"))
	}
	return errors.Join(mistakes...)
}
