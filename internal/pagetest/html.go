// SPDX-License-Identifier: Apache-2.0

package pagetest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Faults returns what is wrong with a page that must need nothing but itself: scripts and what could run one, requests
// of any kind, pictures without a text, headings that skip a level, ids that are there twice. Links for a reader to
// follow must begin with one of the given texts, or with #.
func Faults(page string, links ...string) (faults []string) {
	add := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	seen := map[string]int{}
	ids := map[string]bool{}
	var targets []string
	level := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Namespace == "" { // a <title> in a drawing is another thing
			seen[n.Data]++
		}
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") {
				add("<%s> has the attribute %s", n.Data, a.Key)
			}
		}
		switch n.Data {
		case "script", "iframe", "object", "embed", "form", "base", "foreignobject", "use", "image":
			add("there is a <%s>", n.Data)
		case "h1", "h2", "h3", "h4":
			l := int(n.Data[1] - '0')
			if l > level+1 {
				add("heading %q of level %d follows one of level %d", Text(n), l, level)
			}
			level = l
		case "img":
			if !strings.HasPrefix(attributes["src"], "data:image/") || strings.HasPrefix(attributes["src"],
				"data:image/svg") {
				add("a picture is at %.60s", attributes["src"])
			}
			if attributes["alt"] == "" {
				add("a picture has no text")
			}
		case "svg":
			if attributes["aria-label"] == "" && attributes["aria-hidden"] == "" {
				add("a drawing has no text")
			}
		case "style":
			if outside.MatchString(Text(n)) {
				add("the style sheet asks for %s", outside.FindString(Text(n)))
			}
		}
		for key, value := range attributes {
			switch key {
			case "src", "srcset", "data", "action", "formaction", "poster", "background", "xlink:href":
				if !strings.HasPrefix(value, "data:image/") {
					add("<%s> asks for %s=%.60s", n.Data, key, value)
				}
			case "href":
				if strings.HasPrefix(value, "#") {
					targets = append(targets, value[1:])
				} else if n.Data == "link" && value != "data:," || n.Data == "a" &&
					!slices.ContainsFunc(links, func(l string) bool { return strings.HasPrefix(value, l) }) {
					add("<%s> leads to %.60s", n.Data, value)
				}
			case "style":
				if outside.MatchString(value) {
					add("a style asks for %s", outside.FindString(value))
				}
			case "id":
				if ids[value] {
					add("the id %s is there twice", value)
				}
				ids[value] = true
			}
		}
	}
	for _, name := range []string{"title", "header", "main", "h1"} {
		if seen[name] != 1 {
			add("there are %d <%s>", seen[name], name)
		}
	}
	for _, id := range targets {
		if !ids[id] {
			add("a link leads to #%s, which is not there", id)
		}
	}
	return faults
}

var outside = regexp.MustCompile(`(?i)url\(|@import|expression\(|https?:`)

// Text is the text of a part of a page.
func Text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// Words is the text of a page, with one space for each gap.
func Words(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return ""
	}
	var b strings.Builder
	for d := range root.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
