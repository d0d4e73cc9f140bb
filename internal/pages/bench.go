// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The files behind docs/benchmarks.md, below the module's root.
const (
	benchmarksPage = "docs/benchmarks.md"
	resultsFile    = "bench/results.json"
)

// benchmark is a row of resultsFile, which bench/__main__.py writes.
type benchmark struct {
	Name, About, Unit, Machine, Date, Commit string
	Ours, Peer, Ratio, Load                  float64
	PeerName                                 string `json:"peer_name"`
	Spread                                   [2]float64
	Quiet                                    bool
	Versions                                 map[string]string
	Command                                  struct{ Ours, Peer string }

	Files []struct { // of growth
		Files   int
		Seconds float64
		PSS     float64 `json:"pss_mib"`
	}
	Queues []struct {
		Queue int
		Rate  float64 `json:"images_per_second"`
	}
	Curves []struct { // of minutes
		Name, Command string
		Seed          int
		Points        []struct{ Minutes, KNN, Linear float64 }
	}
}

// benchmarks returns what `make bench` measured: a table, then machines and versions, curves and commands.
func benchmarks(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, resultsFile))
	if err != nil {
		return "", err
	}
	var rows []benchmark
	if err := json.Unmarshal(text, &rows); err != nil {
		return "", fmt.Errorf("%s: %w", resultsFile, err)
	}
	if len(rows) == 0 {
		return "Not measured yet.\n", nil
	}
	var b strings.Builder
	b.WriteString(row("benchmark", "ours", "peer", "", "ratio", "spread", "date, commit") + rule(7))
	var settings []string // machines with their versions
	busy := false
	for _, r := range rows {
		date := r.Date + ", " + r.Commit
		if !r.Quiet {
			busy = true
			date += fmt.Sprintf(" (busy: %s)", figure(r.Load))
		}
		b.WriteString(row(code(r.Name), figure(r.Ours)+" "+r.Unit, r.PeerName, figure(r.Peer),
			"**"+figure(r.Ratio)+"**", figure(r.Spread[0])+" to "+figure(r.Spread[1]), date))
		var versions []string
		for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
			versions = append(versions, name+" "+r.Versions[name])
		}
		of := fmt.Sprintf("Measured on %s; %s.", r.Machine, strings.Join(versions, ", "))
		if !slices.Contains(settings, of) {
			settings = append(settings, of)
		}
	}
	for _, of := range settings {
		b.WriteString("\n" + of + "\n")
	}
	if busy {
		b.WriteString("\nA row marked busy was measured while other programs used so many cores.\n")
	}
	for _, r := range rows {
		r.more(&b)
	}
	b.WriteString("\nThe commands, ours first:\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "\n`%s`\n\n    %s\n    %s\n", r.Name, r.Command.Ours, r.Command.Peer)
	}
	return b.String(), nil
}

// more writes what some rows have beside a ratio.
func (r benchmark) more(b *strings.Builder) {
	if len(r.Files) > 0 {
		b.WriteString("\n" + row("files", "first step after", "greatest PSS") + rule(3))
		for _, f := range r.Files {
			b.WriteString(row(thousands(f.Files), figure(f.Seconds)+" s", figure(f.PSS)+" MiB"))
		}
	}
	if len(r.Queues) > 0 {
		b.WriteString("\n" + row("queue", "images/s") + rule(2))
		for _, q := range r.Queues {
			b.WriteString(row(thousands(q.Queue), figure(q.Rate)))
		}
	}
	if len(r.Curves) > 0 {
		b.WriteString("\n" + row("way", "seed", "minutes", "kNN accuracy", "linear accuracy") + rule(5))
		for _, c := range r.Curves {
			for _, p := range c.Points {
				b.WriteString(row(c.Name, strconv.Itoa(c.Seed), decimals(p.Minutes, 1), decimals(p.KNN, 3),
					decimals(p.Linear, 3)))
			}
		}
	}
}

// figure writes a number with three significant digits and no exponent.
func figure(x float64) string {
	switch {
	case x >= 1000 && x < 1e6:
		return thousands(int(x + 0.5))
	case x >= 100:
		return decimals(x, 0)
	case x >= 10:
		return decimals(x, 1)
	case x >= 0.1 || x == 0:
		return decimals(x, 2)
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}
