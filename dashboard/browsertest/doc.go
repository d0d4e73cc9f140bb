// SPDX-License-Identifier: Apache-2.0

// Package browsertest tests the dashboard as readers see it: it trains small runs with the command, starts
// parallax dashboard, and clicks through every page in a headless Chromium. `make test-browser` runs it.
//
// testdata has axe-core 4.14.1 of Deque Systems (MPL-2.0), which looks for faults of accessibility.
package browsertest
