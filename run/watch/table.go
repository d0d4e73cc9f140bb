// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/summary"
)

// found is a run below the folder.
type found struct {
	dir, name string
	changed   time.Time
	summary.Run
}

// The bounds of a search.
const (
	mostFolders = 20_000
	mostRuns    = 500
)

// isRun reports whether a folder is a run directory.
func isRun(dir string) bool {
	for _, name := range []string{run.ConfigFile, run.MetricsFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// find looks for the runs below the folder, the one that changed last first.
func (s *screen) find() {
	var rows []found
	folders := 0
	s.err = filepath.WalkDir(s.top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == s.top:
			return err
		case err != nil || !d.IsDir():
			return nil // what cannot be read is no run
		case strings.HasPrefix(d.Name(), ".") && path != s.top:
			return fs.SkipDir
		}
		if folders++; folders > mostFolders || len(rows) >= mostRuns {
			return fs.SkipAll
		}
		if !isRun(path) {
			return nil
		}
		name, _ := filepath.Rel(s.top, path)
		row := found{dir: path, name: name}
		if info, err := os.Stat(filepath.Join(path, run.MetricsFile)); err == nil {
			row.changed = info.ModTime()
		}
		row.Run, _ = summary.Read(path) // a damaged run is listed with what it has
		rows = append(rows, row)
		return fs.SkipDir
	})
	slices.SortFunc(rows, func(a, b found) int {
		return cmp.Or(b.changed.Compare(a.changed), strings.Compare(a.name, b.name))
	})
	var chosen string
	if s.at < len(s.rows) {
		chosen = s.rows[s.at].dir
	} else if i := slices.IndexFunc(rows, func(r found) bool { return r.State == summary.Running }); i >= 0 {
		chosen = rows[i].dir
	}
	s.rows = rows
	s.at = max(0, slices.IndexFunc(rows, func(r found) bool { return r.dir == chosen }))
}

// table is the screen of the runs.
func (s *screen) table() string {
	lines := []string{cut(bold.Render(printable.Name(s.top))+fmt.Sprintf("  %d runs", len(s.rows)), s.width)}
	if s.err != nil {
		lines = append(lines, wrapped(bad.Render(printable.Text(oneLine(s.err))), s.width)...)
	}
	room := max(1, s.height-len(lines)-1)
	first := max(0, min(s.at-room/2, len(s.rows)-room))
	name := max(16, min(40, s.width-44))
	for i, r := range s.rows[first:min(len(s.rows), first+room)] {
		sign := "  "
		if first+i == s.at {
			sign = bold.Render("> ")
		}
		steps := comma(r.Step)
		if r.Steps > 0 {
			steps += "/" + comma(r.Steps)
		}
		knn := ""
		if r.KNN.Known {
			knn = "kNN " + number(r.KNN.Value)
		}
		shown := ansi.Truncate(printable.Name(r.name), name, "…")
		shown += strings.Repeat(" ", max(0, name-ansi.StringWidth(shown)))
		lines = append(lines, cut(fmt.Sprintf("%s%s  %-13s %-10s  %s  %s", sign, shown, steps, knn, state(r.Run),
			printable.Text(r.Class)), s.width))
	}
	return strings.Join(append(lines, cut(dim.Render("q quit  ↑ ↓ choose  enter open"), s.width)), "\n")
}
