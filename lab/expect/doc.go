// SPDX-License-Identifier: Apache-2.0

// Package expect has the rules of the laboratory: what a claim predicts of one seed, as a sentence that is printed and
// as code that judges what was measured. A claim is a list of them: see package claims.
package expect
