// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/sweep"
)

// sweepFlags are the flags of sweep that set no value of the configuration.
type sweepFlags struct {
	data, methods, config, preset, out, resume string
	sets, probes                               []string
	minutes                                    float64
	seeds, jobs                                int
	dry                                        bool
}

func sweepCommand() *cobra.Command {
	var f sweepFlags
	c := &cobra.Command{
		Use:   "sweep (FILE | --data PATH --method a,b | --resume DIR)",
		Short: "Train several methods, settings and seeds, and compare them",
		Long: `Sweep trains every method with every combination of the values of --set, each under several seeds, and
compares them as parallax compare does. Commas separate values: --set optim.base_rate=0.03,0.06 are two.
A value with a comma is in brackets: --set method.projector.widths=[512, 128],[512, 512] are two as well.
A setting with one value is for all runs, and so are the flags of pretrain.

Every run is an ordinary run in a folder of its own in DIR: parallax dashboard shows it, also while it goes
on, and parallax pretrain --resume resumes it. At the end the tables are printed, and written to
DIR/sweep.html with the curves, and to DIR/sweep.csv with a row for each run.

FILE is YAML with the keys methods, seeds (a number, or a list), data, preset, config, probes, one of
minutes, steps and epochs, grid (lists of values) and set (values for all runs). Flags replace what it says.

The plan is kept in DIR/sweep.json. After Ctrl-C, another signal that stops it or a crash, the same command or
--resume DIR goes on: runs that are finished are skipped, stopped ones are resumed, and ones that failed are
tried again. A folder with another plan is refused.

Runs of one thread each are made side by side, one for each core as far as memory allows; the last ones
share out the cores. With --minutes all runs have equal conditions: the same number of threads, and of other
runs beside them.` +
			statuses(exit.Memory, exit.Output, exit.OfSignal(syscall.SIGHUP), exit.OfSignal(syscall.SIGINT),
				exit.OfSignal(syscall.SIGQUIT), exit.OfSignal(syscall.SIGTERM), exit.OfSignal(syscall.SIGXCPU)),
		Example: `  parallax sweep --data photos --method simclr,vicreg --seeds 3 --epochs 20
  parallax sweep --data photos --method byol --set optim.base_rate=0.03,0.06 --set train.batch=128,256
  parallax sweep --data photos --method simsiam,byol --minutes 10 --out runs/ten-minutes
  parallax sweep plan.yaml --dry-run
  parallax sweep --resume runs/sweep-1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("sweep takes one FILE, and got %s", printable.Names(args)))
			}
			return nil
		},
		PreRunE: enough,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.plan(c, args)
			if err != nil {
				return usage(err)
			}
			return f.run(c.Context(), c.OutOrStdout(), p)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, a list, a pattern, or synthetic")
	fl.StringVar(&f.methods, "method", "", "methods, separated by commas: "+strings.Join(methodNames(), ", "))
	fl.IntVar(&f.seeds, "seeds", 3, "number of seeds, which are 1, 2, ...")
	fl.StringArrayVar(&f.sets, "set", nil, "values of a setting, section.key=value,value; repeatable")
	fl.Float64Var(&f.minutes, "minutes", 0, "minutes of each run; chooses everything that is not given, as in pretrain")
	fl.Var(&textFlag{kind: "int"}, "steps", "length of each run in optimiser steps, instead of epochs or minutes")
	fl.StringVar(&f.config, "config", "", "YAML file with values of the configuration")
	fl.StringVar(&f.preset, "preset", "", presetHelp())
	fl.StringArrayVar(&f.probes, "probe", nil, "measure on these images instead of the training data; repeatable")
	fl.StringVar(&f.out, "out", "", "folder; default runs/sweep-N, that of an earlier sweep with the same plan")
	fl.StringVar(&f.resume, "resume", "", "go on with the sweep in this folder")
	fl.IntVar(&f.jobs, "jobs", 0, "runs at a time; default by the cores, the memory and the number of runs")
	fl.BoolVar(&f.dry, "dry-run", false, "list the runs, and begin none")
	addSettingFlags(c, "seed", "max-steps")
	c.RegisterFlagCompletionFunc("method", completeMethod)
	c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(preset.Names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// plan is the plan that the command line asks for.
func (f *sweepFlags) plan(c *cobra.Command, args []string) (*sweep.Plan, error) {
	if f.jobs < 0 || f.jobs > config.MaxThreads {
		return nil, fmt.Errorf("--jobs %d: want 1 to %d runs at a time", f.jobs, config.MaxThreads)
	}
	if f.resume != "" {
		return f.again(c, args)
	}
	p := &sweep.Plan{}
	file := f.config
	if len(args) == 1 {
		text, err := readSmall(args[0], "sweep")
		if err != nil {
			return nil, err
		}
		named := ""
		if p, named, err = sweep.Read(text, args[0]); err != nil {
			return nil, err
		}
		if file == "" {
			file = named
		}
	}
	text, err := readConfigFile(file)
	if err != nil {
		return nil, err
	}
	p.Config = string(text)
	if f.data != "" {
		p.Data = f.data
	}
	if f.methods != "" {
		p.Methods = sweep.Split(f.methods)
	}
	if f.preset != "" {
		p.Preset = f.preset
	}
	if len(f.probes) > 0 {
		p.Probes = f.probes
	}
	if len(p.Seeds) == 0 || c.Flags().Changed("seeds") {
		if f.seeds < 1 || f.seeds > sweep.MostCells {
			return nil, fmt.Errorf("--seeds %d: want 1 to %d", f.seeds, sweep.MostCells)
		}
		p.Seeds = sweep.Seeds(f.seeds)
	}
	if c.Flags().Changed("minutes") {
		p.Minutes = f.minutes
	}
	given, err := givenSettings(c, f.sets)
	if err != nil {
		return nil, err
	}
	for _, s := range given {
		if s.Path == "data.labels" || s.Path == "backbone.init" { // files, whose names may have commas
			p.Put(s.Path, s.Value)
		} else {
			p.Put(s.Path, sweep.Split(s.Value)...)
		}
	}
	if c.Flags().Changed("steps") {
		p.Put("train.max_steps", sweep.Split(c.Flags().Lookup("steps").Value.String())...)
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return p, known(p)
}

// again is the plan of --resume.
func (f *sweepFlags) again(c *cobra.Command, args []string) (*sweep.Plan, error) {
	others := args
	c.Flags().Visit(func(given *pflag.Flag) {
		if !slices.Contains([]string{"resume", "jobs", "dry-run"}, given.Name) {
			others = append(others, "--"+given.Name)
		}
	})
	if len(others) > 0 {
		return nil, fmt.Errorf("--resume goes on with the plan in %s: leave out %s", printable.Name(f.resume),
			printable.Names(others))
	}
	f.out = f.resume
	return sweep.Open(f.resume)
}

// known refuses methods and settings that there are not, before the first run. Operations of augmentation and sections
// are left to the runs: they depend on the data and on the preset.
func known(p *sweep.Plan) error {
	for _, name := range p.Methods {
		entry, err := method.Find(name)
		if err != nil {
			return err
		}
		set := append([]sweep.Setting{}, p.Set...)
		for _, a := range p.Grid {
			for _, v := range a.Values {
				set = append(set, sweep.Setting{Path: a.Path, Value: v})
			}
		}
		for _, s := range set {
			if strings.HasPrefix(s.Path, "augment.") || !strings.Contains(s.Path, ".") {
				continue
			}
			usual := config.Default()
			usual.Method = config.MethodConfig{Name: name, Fields: entry.New()}
			layered, err := config.New(&usual)
			if err != nil {
				return err
			}
			if err := layered.Set(s.Path, s.Value, "--set"); err != nil {
				return fmt.Errorf("method %s: %w", name, err)
			}
		}
	}
	if p.Preset != "" {
		_, err := preset.Settings(p.Preset, p.Methods[0])
		return err
	}
	return nil
}

// folder is where the sweep goes: --out, or the folder of an earlier sweep with the same plan, or a new one.
func (f *sweepFlags) folder(p *sweep.Plan) string {
	if f.out != "" {
		return f.out
	}
	vacant := run.Vacant("runs", "sweep")
	for n := 1; ; n++ {
		dir := filepath.Join("runs", fmt.Sprintf("sweep-%d", n))
		if dir == vacant {
			return dir
		}
		if before, err := sweep.Open(dir); err == nil && before.Differs(p) == "" {
			return dir
		}
	}
}

func (f *sweepFlags) run(ctx context.Context, out io.Writer, p *sweep.Plan) error {
	own, err := ownCommand()
	if err != nil {
		return err
	}
	s := &sweep.Sweep{Plan: p, Out: f.folder(p), Cores: machine.Cores().Whole(), Jobs: f.jobs, Command: own,
		Watch: (&sweepBoard{out: out}).show}
	_, s.Memory = machine.Memory()
	if f.dry {
		return f.list(out, s)
	}
	outliveReader()
	fmt.Fprintln(out, printable.Name(s.Out))
	tidying.Store(true) // a signal lets the runs write their checkpoints
	failed, err := s.Run(ctx)
	tidying.Store(false)
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(out, "stopped: go on with  parallax sweep --resume %s\n", printable.Name(s.Out))
		}
		return err
	}
	result, unread, err := sweep.Compare(p, s.Out)
	failed = append(failed, unread...)
	if err == nil {
		fmt.Fprintln(out)
		err = errors.Join(forReader(result.Text(out)), sweep.WriteFiles(p, s.Out, result, failed))
	}
	for _, line := range failed {
		fmt.Fprintf(out, "failed: %s\n", printable.Text(line))
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("%d of %d runs failed; the same command tries them again. The first: %s", len(failed),
			len(p.Cells()), failed[0])
	case err != nil:
		return err
	}
	fmt.Fprintln(out, printable.Name(filepath.Join(s.Out, sweep.PageFile)))
	return nil
}

// list shows the runs that a sweep would make.
func (f *sweepFlags) list(out io.Writer, s *sweep.Sweep) error {
	left := s.Left()
	for _, c := range s.Plan.Cells() {
		state := "finished"
		if slices.ContainsFunc(left, func(l sweep.Cell) bool { return l.Name == c.Name }) {
			state = "to be made"
		}
		fmt.Fprintf(out, "%-10s  %s\n", state, c.Name)
	}
	jobs := s.AtATime(len(left))
	text := fmt.Sprintf("%d of %d runs to be made, %d at a time, in %s", len(left), len(s.Plan.Cells()), jobs,
		printable.Name(s.Out))
	if rounds := (len(left) + jobs - 1) / jobs; s.Plan.Minutes > 0 && rounds > 0 {
		text += ", in about " + chart.Duration(60*s.Plan.Minutes*float64(rounds))
	}
	_, err := fmt.Fprintln(out, text)
	return forReader(err)
}

// sweepBoard shows what happens in a sweep, a line for each event.
type sweepBoard struct{ out io.Writer }

func (b *sweepBoard) show(p sweep.Progress) {
	what := ""
	switch p.Kind {
	case sweep.Waits:
		what = "goes on in a process of an earlier sweep: waiting for its end"
	case sweep.Began, sweep.Resumed:
		what = map[sweep.Kind]string{sweep.Began: "began", sweep.Resumed: "resumed"}[p.Kind]
		what += fmt.Sprintf(" with %d thread", p.Threads)
		if p.Threads != 1 {
			what += "s"
		}
	case sweep.Evaluated:
		what = fmt.Sprintf("step %d", p.Event.Step)
		for _, metric := range []struct{ name, key string }{{"knn", run.KNN}, {"rankme", run.RankMe}} {
			if v := p.Event.Metrics[metric.key]; v.Known {
				what += fmt.Sprintf("  %s %s", metric.name, chart.Number(v.Value))
			}
		}
	case sweep.Ended, sweep.Failed, sweep.Stopped:
		what = map[sweep.Kind]string{sweep.Ended: "ended", sweep.Failed: "failed: " + p.Why,
			sweep.Stopped: "stopped"}[p.Kind]
		what += fmt.Sprintf("  (%d of %d runs are done", p.Done, p.Of)
		if p.Known && p.Done < p.Of {
			what += "; about " + chart.Duration(p.Remaining.Round(time.Second).Seconds()) + " left"
		}
		what += ")"
	}
	fmt.Fprintf(b.out, "%s  %s\n", p.Cell.Name, printable.Text(what))
}
