// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/train"
)

// profiled shows where the time of the profiled steps went.
func (v *console) profiled(p *train.Profile) {
	for _, line := range profileLines(p) {
		v.note(line)
	}
}

// leastShare is the share from which a part has a line of its own.
const leastShare = 0.0005

func profileLines(p *train.Profile) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	n := float64(p.Steps)
	add("profile of %s of %d images, after %d others: %.4g images/s, %.1f ms a step, on %.2f cores on average",
		several(p.Steps, "step"), p.Images, p.WarmUp, p.ImagesPerSecond, p.Seconds/n*1000, p.Cores)
	add("  %-28s %7s %10s %10s", "phase", "share", "ms a step", "median")
	for _, part := range p.Phases {
		name := strings.Repeat("  ", strings.Count(part.Name, "/")) + part.Name[strings.LastIndex(part.Name, "/")+1:]
		add("  %-28s %5.1f %% %10.2f %10.2f", name, 100*part.Share, part.Seconds/n*1000, part.Median*1000)
	}
	add("  %-28s %7s %10s %10s", "forward and backward", "share", "ms a step", "median")
	between := 1.0
	for _, part := range p.Kinds {
		between -= part.Share
		add("  %-28s %5.1f %% %10.2f %10.2f", part.Name, 100*part.Share, part.Seconds/n*1000, part.Median*1000)
	}
	add("  %-28s %5.1f %%", "between operators", 100*max(0, between))
	width := 28
	for _, o := range p.Operators {
		width = max(width, len(o.Name))
	}
	add("  %-*s %7s %10s %10s  %s", width, "operator", "share", "ms a step", "calls", "kind")
	for _, o := range p.Operators {
		add("  %-*s %5.1f %% %10.2f %10.1f  %s", width, o.Name, 100*o.Share, o.Seconds/n*1000, float64(o.Calls)/n,
			o.Kind)
	}
	if len(p.Loading) > 0 {
		add("  the loader's threads meanwhile: %s", shares(p.Loading))
	}
	for _, part := range p.Before {
		if part.Share >= leastShare && !strings.Contains(part.Name, "/") {
			add("  before these steps: %s %.2f s%s", part.Name, part.Seconds, within(p.Before, part.Name))
		}
	}
	if p.Dropped > 0 {
		add("  %d records found no room, so that these numbers are too low: profile fewer steps", p.Dropped)
	}
	add("  every operator and image, for ui.perfetto.dev: %s", p.File)
	return lines
}

// shares lists parts with their shares.
func shares(parts []train.Part) string {
	var all []string
	for _, p := range parts {
		all = append(all, fmt.Sprintf("%s %.0f %%", p.Name, 100*p.Share))
	}
	return strings.Join(all, ", ")
}

// within lists what lies directly within a part that counts, in parentheses.
func within(parts []train.Part, outer string) string {
	var all []string
	for _, p := range parts {
		name, ok := strings.CutPrefix(p.Name, outer+"/")
		if ok && !strings.Contains(name, "/") && p.Share >= leastShare {
			all = append(all, fmt.Sprintf("%s %.2f s", name, p.Seconds))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}
