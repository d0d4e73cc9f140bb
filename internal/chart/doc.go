// SPDX-License-Identifier: Apache-2.0

// Package chart draws curves and points as SVG, for pages that need no script. [Style] is the style sheet that gives
// their colours.
package chart

import _ "embed"

// Style is the style sheet of the drawings, for light, dark and print. The page that uses it defines the colours --dim
// of small text and --line of thin lines.
//
//go:embed chart.css
var Style string

// Styles is the number of groups of curves that the style sheet tells apart. A group beyond them looks like group
// modulo Styles. The colour of a group is --a0 to --a7 in the style sheet.
const Styles = 8
