// SPDX-License-Identifier: Apache-2.0

// Command torture tries to make parallax lose or falsify something: it kills runs, fills disks, damages files, and so
// on, and checks what must hold afterwards. docs/reliability.md explains the parts.
//
//	torture [-bin PATH] [-short] [-plan] [-out FILE] [PART...]
//
// It prints a table, and with -out it keeps the figures in a file, from which `make pages` fills docs/reliability.md.
// An interrupted campaign goes on where it stopped, as long as the program, the
// campaign and the seed are the same.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/internal/place"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/parts"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := torture(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func torture(ctx context.Context) error {
	program := flag.String("bin", "bin/parallax", "the program to try")
	short := flag.Bool("short", false, "a sample of every part, as in make test")
	out := flag.String("out", "", "keep the figures in this file")
	work := flag.String("work", "runs/torture", "folder for the campaign's files")
	seed := flag.Uint64("seed", 1, "of everything random")
	jobs := flag.Int("jobs", 2, "cases at a time")
	plan := flag.Bool("plan", false, "only say how many cases each part has")
	flag.Parse()
	chosen, err := choose(flag.Args())
	if err != nil {
		return err
	}
	b := &campaign.Bench{Short: *short, Seed: *seed, Jobs: *jobs, Say: os.Stderr}
	if b.Root, err = place.Module(); err != nil {
		return err
	}
	if b.Work, err = filepath.Abs(*work); err != nil {
		return err
	}
	if b.Program, err = subject.New(*program, b.Root); err != nil {
		return err
	}
	hash, err := b.Program.Hash()
	if err != nil {
		return err
	}
	own, err := os.Executable()
	if err != nil {
		return err
	}
	// Another campaign has other cases under the same names.
	ours, err := subject.Program{Path: own}.Hash()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Work, 0o777); err != nil {
		return err
	}
	key := fmt.Sprintf("%s/%s/%d/%v", hash, ours, *seed, *short)
	j, err := campaign.OpenJournal(filepath.Join(b.Work, "journal.jsonl"), key)
	if err != nil {
		return err
	}
	defer j.Close()
	if n := j.Len(); n > 0 {
		fmt.Fprintf(os.Stderr, "torture: %d cases have run before with this program\n", n)
	}
	faults := 0
	var results []campaign.Result
	if *plan {
		return say(b, chosen)
	}
	for _, p := range chosen {
		fmt.Fprintf(os.Stderr, "%s: %s\n", p.Name, p.About)
		r, interrupted := b.Run(ctx, p, j)
		results, faults = append(results, r), faults+len(r.Faults)
		fmt.Fprintln(os.Stderr, r)
		if *out != "" && r.Cases > 0 {
			if err := campaign.Record(b, *out, p, r); err != nil {
				return err
			}
		}
		if interrupted != nil {
			return fmt.Errorf("%w: the same command goes on from here", interrupted)
		}
	}
	fmt.Print(campaign.Table(results))
	if faults > 0 {
		return fmt.Errorf("%d faults", faults)
	}
	return nil
}

// say prints how many cases each part has.
func say(b *campaign.Bench, chosen []campaign.Part) error {
	for _, p := range chosen {
		cases, err := p.Plan(b)
		if err != nil {
			fmt.Printf("%s: %v\n", p.Name, err)
			continue
		}
		fmt.Printf("%s: %d cases\n", p.Name, len(cases))
	}
	return nil
}

// choose returns the parts of the given names, which may be joined by commas; all when there is none.
func choose(names []string) ([]campaign.Part, error) {
	var chosen []campaign.Part
	for _, name := range strings.FieldsFunc(strings.Join(names, ","), func(r rune) bool { return r == ',' }) {
		i := slices.IndexFunc(parts.All, func(p campaign.Part) bool { return p.Name == name })
		if i < 0 {
			var all []string
			for _, p := range parts.All {
				all = append(all, p.Name)
			}
			return nil, fmt.Errorf("there is no part %q: the parts are %s", name, strings.Join(all, ", "))
		}
		chosen = append(chosen, parts.All[i])
	}
	if len(chosen) == 0 {
		return parts.All, nil
	}
	return chosen, nil
}
