// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// short formats a coordinate to a tenth of a unit.
func short(v float64) string {
	text := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(text, ".0")
}

// Number formats a value for readers: three digits, and an exponent only for very large or small values.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "−∞"
	case a < 1e-12:
		return "0"
	case a >= 1e6 || a < 1e-3:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 2, 64), "e")
		power, _ := strconv.Atoi(exponent)
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return Minus(mantissa + "e" + strconv.Itoa(power))
	case a >= 100:
		return Minus(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return Minus(strconv.FormatFloat(signed(v), 'g', 3, 64))
}

// signed rounds to six decimals.
func signed(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// Minus replaces hyphens with minus signs.
func Minus(text string) string { return strings.ReplaceAll(text, "-", "−") }

// wrap breaks the text into at most that many lines of width characters, and cuts off the rest.
func wrap(text string, width, lines int) []string {
	var all []string
	at := ""
	for _, word := range strings.Fields(text) {
		switch {
		case at == "":
			at = word
		case len([]rune(at))+1+len([]rune(word)) <= width:
			at += " " + word
		default:
			all, at = append(all, at), word
		}
	}
	all = append(all, at)
	if len(all) > lines {
		all = append(all[:lines-1], strings.Join(all[lines-1:], " "))
	}
	for i, l := range all {
		if r := []rune(l); len(r) > width {
			all[i] = string(r[:width-1]) + "…"
		}
	}
	return all
}

func same(v float64) float64 { return v }

// Finite says whether a value can be drawn. The huge values of a diverging run would flatten all others.
func Finite(v float64) bool { return math.Abs(v) < 1e9 }

// Last returns the last value that can be drawn; ok is false if there is none.
func Last(points []Point) (v float64, ok bool) {
	for _, p := range slices.Backward(points) {
		if Finite(p.Y) {
			return p.Y, true
		}
	}
	return 0, false
}

// Median returns the median of the values, NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Duration writes a number of seconds with at most two units, for example "45 s", "12 min" or "1 h 30 min".
func Duration(seconds float64) string {
	if !Finite(seconds) || seconds < 0 {
		return "–"
	}
	s := int64(math.Round(seconds))
	two := func(big int64, bigName string, small int64, smallName string) string {
		text := strconv.FormatInt(s/big, 10) + " " + bigName
		if rest := s % big / small; rest > 0 {
			text += " " + strconv.FormatInt(rest, 10) + " " + smallName
		}
		return text
	}
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + " s"
	case s < 3600:
		return two(60, "min", 1, "s")
	case s < 86400:
		return two(3600, "h", 60, "min")
	}
	return two(86400, "d", 3600, "h")
}

// Wide says whether all values are positive and span so many orders of magnitude that a linear axis would hide the
// small ones.
func Wide(curves []Curve) bool {
	least, most := math.Inf(1), 0.0
	for _, k := range curves {
		for _, p := range k.Points {
			if Finite(p.Y) {
				least, most = min(least, p.Y), max(most, p.Y)
			}
		}
	}
	return least > 0 && most > 300*least
}

// Thinned returns n of the numbers from 0 to total-1. Small ones are closer together.
func Thinned(total, n int) []int {
	if total <= n {
		n = total
	}
	var all []int
	for i := range n {
		share := float64(i) / float64(max(1, n-1))
		k := max(i, int(math.Round(float64(total-1)*(0.4*share+0.6*share*share*share))))
		if len(all) == 0 || k > all[len(all)-1] {
			all = append(all, min(k, total-1))
		}
	}
	return all
}
