// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
)

// scaledBy begins the source of a rate that ScaleRate worked out.
const scaledBy = "base_rate "

// ScaleRate sets optim.rate = base_rate x batch x accumulate / 256 (Goyal et al. 2017, arXiv:1706.02677, section 2.1)
// and returns the arithmetic, which also becomes the source. Where someone gave optim.rate itself (its source is
// neither "default" nor an earlier arithmetic) the rate stays and base_rate follows from it.
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
	arithmetic := fmt.Sprintf(scaledBy+"%s x batch %d x accumulate %d / 256", short(o.BaseRate), l.Train.Batch, l.Train.Accumulate)
	l.Sources["optim.rate"] = arithmetic
	return fmt.Sprintf("rate %s = %s", short(o.Rate), arithmetic)
}

// HalveRate halves the learning rate, and what the schedule begins and ends with. why becomes part of the source of the value
// that the rate comes from.
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
