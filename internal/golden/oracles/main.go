// SPDX-License-Identifier: Apache-2.0

// Command oracles runs every case of $PARALLAX_ORACLES/manifest.json and of its augment/manifest.json, by default the
// committed copies in testdata/oracles. It names the failures, the skipped cases, and expected values of passed cases
// that were not compared. It ends with the counts; its exit status is 1 if anything failed or nothing passed.
package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/internal/golden"
)

func main() {
	if err := run(cmp.Or(os.Getenv("PARALLAX_ORACLES"), filepath.Join("testdata", "oracles"))); err != nil {
		fmt.Fprintln(os.Stderr, "oracles:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	results, err := golden.RunAll(dir)
	if err != nil {
		return err
	}
	var passed, failed, skipped int
	for _, r := range results {
		switch {
		case r.Skip != "":
			skipped++
			fmt.Printf("skip %s: %s\n", r.ID, r.Skip)
		case r.Err != nil:
			failed++
			fmt.Printf("FAIL %s: %v\n", r.ID, r.Err)
		default:
			passed++
			if r.Note != "" {
				fmt.Printf("note %s: %s\n", r.ID, r.Note)
			}
		}
	}
	fmt.Printf("oracles: %d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 {
		os.Exit(1)
	}
	if passed == 0 {
		return fmt.Errorf("no case of %s was run", dir)
	}
	return nil
}
