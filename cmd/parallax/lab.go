// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/lab/report"
	"github.com/parallax-ssl/parallax/run"
)

const (
	quickSeeds    = 3
	maxSeeds      = 1000
	patience      = 30 * time.Second // time for a run to write its checkpoint when it is stopped
	secondsPerRun = 35               // duration of 200 steps of the laboratory's network on one core
)

func labCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "Test published claims about collapse",
		Long: `Lab makes controlled experiments. For each published claim it trains arms that differ in one switch and
are otherwise paired, with several seeds, and gives a verdict by a rule: confirmed, refuted, not reproduced at this
scale, inconclusive, or not testable here. With fewer than five seeds a verdict is preliminary; with one there is none.
Every rule has the date of its last change. The report lists verdicts on runs that began before it apart.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(labListCommand(), labRunCommand(), labReportCommand())
	return c
}

// listed is an experiment in lab list --json.
type listed struct {
	ID       string   `json:"id"`
	Method   string   `json:"method"`
	Question string   `json:"question"`
	Claim    string   `json:"claim"`
	Source   string   `json:"source"`
	Reported string   `json:"reported"`
	Rule     []string `json:"rule"`
	// the last change of the rule
	Fixed   lab.Fixed `json:"rule_fixed"`
	Minutes float64   `json:"minutes"` // on one core with five seeds, including arms that others share
}

func labListCommand() *cobra.Command {
	var method string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the claims that can be tested, with their rules",
		Example: "  parallax lab list\n  parallax lab list --method simsiam",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if method != "" && !slices.Contains(methodNames(), method) {
				return usage(fmt.Errorf("no method %q: parallax methods lists them", method))
			}
			all := []listed{}
			for _, e := range claims.All {
				if method == "" || e.Method == method {
					minutes := e.Lengths() * lab.Seeds * secondsPerRun / 60
					all = append(all, listed{
						e.ID, e.Method, e.Question, e.Claim, e.Source, e.Reported, e.Rule(), e.RuleFixed(),
						minutes})
				}
			}
			out := c.OutOrStdout()
			if asJSON {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				return enc.Encode(all)
			}
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tMETHOD\tMINUTES\tQUESTION")
			for _, e := range all {
				fmt.Fprintf(table, "%s\t%s\t%.0f\t%s\n", e.ID, e.Method, e.Minutes, e.Question)
			}
			return table.Flush()
		},
	}
	c.Flags().StringVar(&method, "method", "", "only claims about this method")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with claims, sources and rules")
	return c
}

func labRunCommand() *cobra.Command {
	p := lab.Plan{}
	var out string
	var isQuick, longer, asJSON bool
	c := &cobra.Command{
		Use:   "run ID...",
		Short: "Test claims, and write a report",
		Long: `Run tests claims: those named, "review" for the claims that a review of the field reports, or "all".
It makes the runs that they need, two at a time if there are two cores, and then writes the report. Claims share runs.
After Ctrl-C or another signal that stops it, the same command with the same --out resumes. SIGUSR1 and
SIGUSR2 are ignored here; a run that gets one writes a checkpoint.` +
			statuses(exit.Engine, exit.Memory, exit.Output, exit.OfSignal(syscall.SIGHUP),
				exit.OfSignal(syscall.SIGINT), exit.OfSignal(syscall.SIGQUIT), exit.OfSignal(syscall.SIGTERM),
				exit.OfSignal(syscall.SIGXCPU)),
		Example: `  parallax lab run SIM-01 SIM-02 --data photos
  parallax lab run review --data cifar10.tar.gz --out lab
  parallax lab run --quick --data cifar10.tar.gz`,
		PreRunE: enough,
		RunE: func(c *cobra.Command, ids []string) error {
			if isQuick {
				if !c.Flags().Changed("seeds") {
					p.Seeds = quickSeeds
				}
				if len(ids) == 0 {
					ids = claims.Quick
				}
			}
			p.Longer = longer && !isQuick
			experiments, err := claims.Select(ids...)
			if err != nil {
				return usage(err)
			}
			p.Experiments = experiments
			if len(ids) == 0 {
				return usage(errors.New("lab run needs claims: their ids, review, all, or --quick " +
					"(parallax lab list shows them)"))
			}
			if p.Seeds < 1 || p.Steps < 20 || p.Seeds > maxSeeds || p.Steps > config.MaxSteps {
				return usage(fmt.Errorf("--seeds %d --steps %d: want 1 to %d seeds and 20 to %d steps",
					p.Seeds, p.Steps, maxSeeds, config.MaxSteps))
			}
			if out == "" {
				out = run.Vacant("runs", "lab")
			}
			return runLab(c.Context(), c.OutOrStdout(), p, out, asJSON)
		},
	}
	fl := c.Flags()
	fl.StringVar(&p.Data, "data", "synthetic", "images: a folder, an archive, a list, a pattern, or synthetic")
	fl.IntVar(&p.Seeds, "seeds", lab.Seeds, "runs of every arm; with fewer than five, verdicts are preliminary")
	fl.IntVar(&p.Steps, "steps", lab.Steps, "optimiser steps of a run")
	fl.BoolVar(&isQuick, "quick", false,
		"eight claims, three seeds: preliminary verdicts in about eleven minutes on two cores")
	fl.BoolVar(&longer, "longer", true,
		"if seeds oppose a claim or are unclear, repeat it with runs five times as long; needed to refute a claim")
	fl.StringVar(&out, "out", "", "output; default runs/lab-N. An interrupted laboratory is resumed")
	fl.StringArrayVar(&p.Set, "set", nil, "set a value for all arms, section.key=value; repeatable")
	fl.BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return c
}

func runLab(ctx context.Context, out io.Writer, p lab.Plan, dir string, asJSON bool) error {
	if err := p.Look(); err != nil {
		return err
	}
	own, err := ownCommand()
	if err != nil {
		return err
	}
	board := &labBoard{out: out, quiet: asJSON}
	if f, ok := out.(*os.File); ok && !asJSON {
		board.terminal = term.IsTerminal(int(f.Fd()))
	}
	r := &lab.Runner{
		Plan: p, Known: claims.All, Out: dir, Parallel: min(2, machine.Cores().Whole()), Watch: board.show,
		Command: own,
	}
	outliveReader()
	tidying.Store(true) // a signal lets the runs write their checkpoints
	s, err := r.Run(ctx)
	tidying.Store(false)
	if err != nil {
		if !asJSON && ctx.Err() != nil {
			fmt.Fprintf(out, "stopped; to resume, repeat the command with --out %s\n", dir)
		}
		return err
	}
	file, err := report.WriteFile(dir, "", claims.All, methodTitles())
	if err != nil {
		return err
	}
	if asJSON {
		if err := forReader(writeFindings(out, s.Findings)); err != nil {
			return err
		}
	} else {
		board.show(s)
		fmt.Fprintf(out, "%s\n", file)
	}
	if len(s.Failed) > 0 {
		return fmt.Errorf("%d runs failed, the first: %s", len(s.Failed), s.Failed[0])
	}
	return nil
}

// ownCommand returns a function that makes this command with other arguments. When the context ends, the command gets
// the time to write a checkpoint.
func ownCommand() (func(ctx context.Context, args ...string) *exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the parallax command: %w", err)
	}
	return func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, self, args...)
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // it writes a checkpoint
		c.WaitDelay = patience
		return c
	}, nil
}

// labBoard shows the state of a laboratory: in a terminal as a table that is redrawn, elsewhere as a line for each
// change of a verdict.
type labBoard struct {
	out             io.Writer
	terminal, quiet bool
	lines           int // lines of the table that is shown
	said            map[string]string
}

func (b *labBoard) show(s lab.Status) {
	if b.quiet {
		return
	}
	if !b.terminal {
		if b.said == nil {
			b.said = map[string]string{}
		}
		for _, f := range s.Findings {
			if line := findingLine(f); f.Seeds > 0 && b.said[f.ID] != line {
				b.said[f.ID] = line
				fmt.Fprintln(b.out, line)
			}
		}
		return
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CLAIM\tSEEDS\tVERDICT\tWHY")
	for _, f := range s.Findings {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", f.ID, f.Seeds, verdictText(f), f.Why)
	}
	table.Flush()
	fmt.Fprintf(&text, "%d of %d runs", s.Done, s.Of)
	for _, j := range s.Running {
		fmt.Fprintf(&text, "; %s %s, seed %d", j.Arm.Method, j.Arm.Name, j.Seed)
	}
	text.WriteByte('\n')
	if b.lines > 0 {
		fmt.Fprintf(b.out, "\x1b[%dA\x1b[J", b.lines)
	}
	width := 0
	if f, ok := b.out.(*os.File); ok {
		width, _, _ = term.GetSize(int(f.Fd()))
	}
	for line := range strings.Lines(text.String()) {
		if width > 1 && len([]rune(line)) > width {
			line = string([]rune(line)[:width-1]) + "\n"
		}
		fmt.Fprint(b.out, line)
	}
	b.lines = strings.Count(text.String(), "\n")
}

func findingLine(f lab.Finding) string {
	return fmt.Sprintf("%s  %s: %s", f.ID, verdictText(f), f.Why)
}

func verdictText(f lab.Finding) string {
	if f.Preliminary {
		return string(f.Verdict) + " (preliminary)"
	}
	return string(f.Verdict)
}
