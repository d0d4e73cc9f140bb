// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
)

// scaledBy begins the source of a rate that ScaleRate computed.
const scaledBy = "base_rate "

// ScaleRate sets optim.rate = base_rate x batch x accumulate / 256 (Goyal et al. 2017, arXiv:1706.02677, section 2.1).
// It returns the calculation as text, which also becomes the source of optim.rate. If optim.rate was given (its source
// is neither "default" nor an earlier calculation), the rate stays and base_rate follows from it.
func (l *Layered) ScaleRate() string {
	short := func(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }
	factor := float64(l.Train.Batch*l.Train.Accumulate) / 256
	o := &l.Optim
	if source := l.Sources["optim.rate"]; source != "default" && source != "" && !strings.HasPrefix(source, scaledBy) {
		if factor > 0 {
			o.BaseRate = o.Rate / factor
		}
		l.Sources["optim.base_rate"] = "from optim.rate"
		return fmt.Sprintf("rate %s (%s)", short(o.Rate), source)
	}
	o.Rate = o.BaseRate * factor
	arithmetic := fmt.Sprintf(scaledBy+"%s x batch %d x accumulate %d / 256",
		short(o.BaseRate), l.Train.Batch, l.Train.Accumulate)
	l.Sources["optim.rate"] = arithmetic
	return fmt.Sprintf("rate %s = %s", short(o.Rate), arithmetic)
}

// halvedRates are the paths of the rates that HalveRate halves.
var halvedRates = []string{"optim.rate", "optim.base_rate", "optim.warmup_start", "optim.final_rate"}

// HalveRate halves the learning rate, and the rates at which the schedule begins and ends. why, which begins with
// "halved", is added to the source of optim.rate if that was given, else to the source of optim.base_rate.
func (l *Layered) HalveRate(why string) {
	o := &l.Optim
	for _, rate := range []*float64{&o.Rate, &o.BaseRate, &o.WarmupStart, &o.FinalRate} {
		*rate /= 2
	}
	l.ScaleRate()
	given := "optim.rate"
	if strings.HasPrefix(l.Sources[given], scaledBy) {
		given = "optim.base_rate"
	}
	l.Sources[given] += ", " + why
}

// Replan sets the length of a run that had another one, and the steps after which its stages end. why goes into their
// sources.
func (l *Layered) Replan(before, steps int, ends []int, why string) {
	if l.Stages.Planned == 0 {
		l.Stages.Planned, l.Sources["stages.planned"] = before, "the first plan"
	}
	l.Train.MaxSteps, l.Sources["train.max_steps"] = steps, why
	l.Stages.Ends, l.Sources["stages.ends"] = ends, why
}
