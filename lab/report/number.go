// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
)

// short formats a coordinate to a tenth of a unit.
func short(v float64) string {
	text := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(text, ".0")
}

// number formats a value for readers: three digits, and an exponent only for very large or small values.
func number(v float64) string {
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
		return minus(mantissa + "e" + strconv.Itoa(power))
	case a >= 100:
		return minus(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return minus(strconv.FormatFloat(signed(v), 'g', 3, 64))
}

// signed rounds to six decimals.
func signed(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// minus replaces hyphens with minus signs.
func minus(text string) string { return strings.ReplaceAll(text, "-", "−") }

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

// letter returns the letter of an arm in drawings.
func letter(arm int) string { return string(rune('A' + arm%26)) }

func same(v float64) float64 { return v }

// finite says whether a value can be drawn. The huge values of a diverging run would flatten all others.
func finite(v float64) bool { return math.Abs(v) < 1e9 }

func lastFinite(points []lab.XY) (float64, bool) {
	for _, p := range slices.Backward(points) {
		if finite(p.Y) {
			return p.Y, true
		}
	}
	return 0, false
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
