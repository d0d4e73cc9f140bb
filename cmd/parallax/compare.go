// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/compare"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/run"
)

func compareCommand() *cobra.Command {
	var page, table string
	c := &cobra.Command{
		Use:   "compare DIR...",
		Short: "Compare runs: means, spreads, and what may be chance",
		Long: `Compare puts runs side by side. DIR is a run, or a folder with runs at any depth. Runs with the same
settings but the seed are a group. Two tables have the mean and the standard deviation of every group: at the last
step up to which every run has been evaluated, and after the time of training up to which every run has been
evaluated. Time of training is without evaluations and pauses. A run that stopped for good because it
collapsed, or because its loss was not finite, counts with its last evaluation.

p says how probable such a difference from the best group is by chance, if there is none: Welch's test,
adjusted for the number of groups (Holm). It needs at least two seeds. kNN and linear are accuracies and
need labels; RankMe needs none.

Runs may go on meanwhile. Nothing is computed anew.` + statuses(exit.Output),
		Example: `  parallax compare runs
  parallax compare runs/simclr-1 runs/simclr-2 runs/vicreg-1 --out comparison.html
  parallax compare runs --csv comparison.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("compare needs runs, or folders with runs (parallax compare --help has " +
					"examples)"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, dirs []string) error {
			all, err := readRuns(dirs, c.ErrOrStderr())
			if err != nil {
				return err
			}
			result, err := compare.Of(all)
			if err != nil {
				return err
			}
			if err := forReader(result.Text(c.OutOrStdout())); err != nil {
				return err
			}
			title := fmt.Sprintf("Comparison of %d runs in %d groups", len(all), len(result.Groups))
			for _, f := range []struct {
				file  string
				write func(io.Writer) error
			}{{page, compare.Page{Title: title, Comparison: result}.Write}, {table, result.CSV}} {
				if f.file == "" {
					continue
				}
				if err := run.WriteFile(f.file, f.write); err != nil {
					return run.Output("writing the comparison", err)
				}
			}
			return nil
		},
	}
	fl := c.Flags()
	fl.StringVar(&page, "out", "", "also write a page with tables and curves, one HTML file, to this file")
	fl.StringVar(&table, "csv", "", "also write a row for each run to this file")
	return c
}

// readRuns reads the runs in the folders, each once, in order. It says on w which cannot be read.
func readRuns(dirs []string, w io.Writer) (all []*compare.Run, err error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		found, err := run.List(dir)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			full, err := filepath.Abs(s.Dir)
			if err == nil {
				full, err = filepath.EvalSymlinks(full)
			}
			if err != nil || seen[full] {
				continue
			}
			seen[full] = true
			r, err := compare.Read(s.Dir)
			if err != nil {
				fmt.Fprintf(w, "parallax: left out: %s\n", oneLine(err))
				continue
			}
			if name, err := filepath.Rel(dir, s.Dir); err == nil && name != "." {
				r.Name = name
			}
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no runs in %s", strings.Join(dirs, ", "))
	}
	return all, nil
}
