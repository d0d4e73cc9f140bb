// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/torch"
)

// soakFor is how long the whole soak takes.
const soakFor = 30 * time.Minute

var soak = campaign.Part{
	Name: "soak",
	About: "a run of many short steps, checkpoints and evaluations for half an hour: resident memory, open " +
		"files and threads stay; runs one after the other in a process leave no tensor and no goroutine",
	// The slope is a regression over the last four fifths; over half an hour the allocator's noise alone is some MB/h.
	Limits: map[string]float64{"MB/h": 12, "open files gained": 0, "threads gained": 2, "tensors left": 0,
		"goroutines left": 0},
	Alone: true,
	Plan: func(b *campaign.Bench) ([]campaign.Case, error) {
		if _, err := os.Stat("/proc/self/status"); err != nil {
			return nil, campaign.Skipped("there is no /proc here")
		}
		length := soakFor
		if b.Short {
			length = 8 * time.Second
		}
		return []campaign.Case{
			{Name: "handles", Run: func(ctx context.Context,
				dir string) campaign.Outcome {
				return handles(ctx, b, dir)
			}},
			{Name: length.String(), Run: func(ctx context.Context, dir string) campaign.Outcome {
				return soaked(ctx, b, length, dir)
			}},
		}, nil
	},
}

// A sample is what a process holds at one time.
type sampled struct{ at, resident, files, threads float64 }

// soaked watches a long run for a while, and then stops it.
func soaked(ctx context.Context, b *campaign.Bench, length time.Duration, dir string) (o campaign.Outcome) {
	const j = subject.Job("byol")
	if o.Failed(j.Prepare(dir)) {
		return o
	}
	p, err := b.Program.Start(ctx, dir, j.Start("--max-steps", "50000000", "--log-every", "20", "--eval-every", "200",
		"--save-every", "200", "--on-collapse", "warn"), nil)
	if o.Failed(err) {
		return o
	}
	defer p.Wait()
	defer p.Signal(0, syscall.SIGKILL)
	begin := time.Now()
	var all []sampled
	for time.Since(begin) < length && ctx.Err() == nil {
		select {
		case <-p.Ended():
			o.Fault("the run ended: %v", p.Wait())
			return o
		case <-time.After(length / 600):
		}
		s, err := look(p.Command.Process.Pid)
		if o.Failed(err) {
			return o
		}
		s.at = time.Since(begin).Hours()
		all = append(all, s)
	}
	steps := subject.Interrupted(j.Dir(dir), j.Method("")).Step
	o.Add("steps", steps)
	warm := all[len(all)/5:]
	if !b.Short { // in seconds it is the warm-up
		o.Max("MB/h", slope(warm)/1e6)
		fmt.Fprintf(b.Say, "soak: %+.2f MB/h over %d steps; resident at the end %.0f MB\n", slope(warm)/1e6, steps,
			warm[len(warm)-1].resident/1e6)
	}
	half := len(warm) / 2
	// A file that is never closed raises the fewest that are open, and a thread that never ends the fewest threads. The
	// most depends on when the samples were taken, and on the machine's load.
	o.Max("open files gained", lowest(warm[half:], func(s sampled) float64 { return s.files })-
		lowest(warm[:half], func(s sampled) float64 { return s.files }))
	o.Max("threads gained", lowest(warm[half:], func(s sampled) float64 { return s.threads })-
		lowest(warm[:half], func(s sampled) float64 { return s.threads }))
	o.Max("MB resident", highest(all, func(s sampled) float64 { return s.resident })/1e6)
	p.Signal(0, syscall.SIGTERM)
	if e := p.Wait(); e.Status != 143 {
		o.Fault("stopping it: %v", e)
	}
	return o
}

// highest is the largest of the samples' values.
func highest(all []sampled, of func(sampled) float64) float64 {
	most := of(all[0])
	for _, s := range all {
		most = max(most, of(s))
	}
	return most
}

// lowest is the smallest of the samples' values.
func lowest(all []sampled, of func(sampled) float64) float64 {
	least := of(all[0])
	for _, s := range all {
		least = min(least, of(s))
	}
	return least
}

// slope is the slope of resident memory by the hour: linear regression.
func slope(all []sampled) float64 {
	var n, t, m, tt, tm float64
	for _, s := range all {
		n, t, m, tt, tm = n+1, t+s.at, m+s.resident, tt+s.at*s.at, tm+s.at*s.resident
	}
	return (n*tm - t*m) / (n*tt - t*t)
}

// look reads what a process holds. A folder that is read for a moment is no open file that stays.
func look(pid int) (s sampled, err error) {
	proc := fmt.Sprintf("/proc/%d", pid)
	text, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return s, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch key {
		case "VmRSS":
			s.resident = n * 1024
		case "Threads":
			s.threads = n
		}
	}
	for range 3 { // the fewest of three looks
		files, err := os.ReadDir(filepath.Join(proc, "fd"))
		if err != nil {
			return s, err
		}
		if n := float64(len(files)); s.files == 0 || n < s.files {
			s.files = n
		}
	}
	return s, nil
}

// handles makes runs in this process, one after the other, and counts what they leave.
func handles(ctx context.Context, b *campaign.Bench, dir string) (o campaign.Outcome) {
	var counts [][2]int
	for i := range b.Size(12, 3) {
		out := filepath.Join(dir, fmt.Sprint(i))
		request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
			pretrain.Set("data.path", "synthetic:96"), pretrain.Set("data.size", 16),
			pretrain.Set("method.name", "byol"),
			pretrain.Set("backbone.name", "resnet8"), pretrain.Set("backbone.width", 4),
			pretrain.Set("train.batch", 16),
			pretrain.Set("train.max_steps", b.Size(200, 20)), pretrain.Set("train.threads", 1),
			pretrain.Set("train.eval_every", 20), pretrain.Set("train.save_every", 20),
			pretrain.Set("probe.limit", 32)}}
		_, err := pretrain.Run(ctx, request, pretrain.Options{Out: out})
		if errors.Is(err, torch.ErrNoEngine) {
			o.Skip = err.Error()
			return o
		}
		if o.Failed(err) {
			return o
		}
		time.Sleep(50 * time.Millisecond) // goroutines that are ending
		live := 0
		if o.Failed(torch.Scope(func() error { live = torch.Live(); return nil })) {
			return o
		}
		counts = append(counts, [2]int{live, runtime.NumGoroutine()})
	}
	first, last := counts[1], counts[len(counts)-1]
	o.Add("runs", len(counts))
	o.Max("tensors left", float64(last[0]-first[0]))
	o.Max("goroutines left", float64(last[1]-first[1]))
	return o
}
