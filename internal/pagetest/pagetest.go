// SPDX-License-Identifier: Apache-2.0

// Package pagetest checks pages in tests.
package pagetest

import (
	"maps"
	"math"
	"regexp"
	"strconv"
)

// A Scheme has the colours of a style sheet, six hexadecimal digits each, by their names.
type Scheme map[string]string

// Colours returns the colours that a style sheet defines in rules for :root: for light screens and paper, and for dark
// screens.
func Colours(css string) (light, dark Scheme) {
	light, dark = Scheme{}, Scheme{}
	rule := regexp.MustCompile(`(prefers-color-scheme: dark\)\s*\{\s*)?:root\s*\{([^}]*)\}`)
	colour := regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6})`)
	for _, r := range rule.FindAllStringSubmatch(css, -1) {
		for _, m := range colour.FindAllStringSubmatch(r[2], -1) {
			if r[1] == "" {
				light[m[1]] = m[2]
			} else {
				dark[m[1]] = m[2]
			}
		}
	}
	all := maps.Clone(light)
	maps.Copy(all, dark)
	return light, all
}

// Contrast returns the ratio of relative luminances of two colours as WCAG 2.2 defines it, NaN if one is not defined.
func (s Scheme) Contrast(front, back string) float64 {
	x, y := luminance(s[front]), luminance(s[back])
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(hex string) float64 {
	v, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return math.NaN()
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(v>>(16-8*i)&255) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
