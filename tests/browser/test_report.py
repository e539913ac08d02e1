"""The report's page as a browser shows it, and as people with a keyboard, a screen reader or a printer get it."""

import json
import os
import pathlib
import unittest

import browser as page
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

AXE = pathlib.Path(os.environ["BCMP_AXE"]).read_text()
SCHEMES = ["light", "dark"]

# Text with too little contrast to what is behind it (WCAG 2.2: 4.5, or 3 for large text).
FAINT = """
const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
    for (let e = element; e; e = e.parentElement) {
        const colour = parse(getComputedStyle(e).backgroundColor);
        if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
};
const found = [], seen = new Set();
let texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest('title, desc, style, .unseen, .skip')) continue;
    texts += 1;
    const style = getComputedStyle(element);
    const ink = parse(element.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5) || ink[3] < 1 || style.opacity < 1) found.push(`${ratio.toFixed(2)}: ${node.data.trim()}`);
}
return [texts, found];
"""

# Marks, lines and bars with too little contrast to the paper (WCAG 2.2: 3).
FAINT_MARKS = """
const parse = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const paper = light(parse(getComputedStyle(document.documentElement).backgroundColor));
const marks = [...document.querySelectorAll('svg.plot use, svg.plot .e, svg.plot .m, svg.plot .c, svg.plot path.s')];
const faint = marks.filter(mark => {
    const style = getComputedStyle(mark);
    const ink = light(parse(mark.matches('use') ? style.fill : style.stroke));
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 3;
});
return [marks.length, faint.map(mark => mark.getAttribute('class'))];
"""

# What sticks out to the right, but for tables that scroll by themselves.
TOO_WIDE = """
const wide = [...document.querySelectorAll('body *')].filter(e =>
    e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest('.scroll > *, .skip, .defs'));
return [document.documentElement.scrollWidth, wide.map(e => e.outerHTML.slice(0, 120))];
"""

# For each plot: its size, and how many marks and lines lie within it and can be seen.
PLOTS = """
return [...document.querySelectorAll('svg.plot')].map(svg => {
    const frame = svg.getBoundingClientRect();
    const inside = e => {
        // The box of a text is larger than its letters.
        const box = e.getBoundingClientRect(), slack = e.tagName === 'text' ? 4 : 1;
        return box.left >= frame.left - slack && box.right <= frame.right + slack
            && box.top >= frame.top - slack && box.bottom <= frame.bottom + slack;
    };
    const all = selector => [...svg.querySelectorAll(selector)];
    return {
        name: svg.querySelector('title').textContent, width: frame.width, height: frame.height,
        measured: all('use').filter(mark => mark.getBoundingClientRect().width > 3).length,
        outside: all('use, .e, .m, .c, .s, text').filter(e => !inside(e)).map(e => e.outerHTML),
        estimated: all('path.e').filter(path => path.getTotalLength() > 40).length,
        limits: all('path.s').length, texts: all('text').length,
    };
});
"""

STRUCTURE = """
const all = selector => [...document.querySelectorAll(selector)];
return {
    language: document.documentElement.lang,
    landmarks: ['header', 'nav[aria-label]', 'main', 'footer'].map(s => all(s).length),
    headings: all('h1, h2, h3, h4').map(h => Number(h.tagName[1])),
    uncaptioned: all('table').filter(t => !t.caption || !t.caption.textContent.trim()).length,
    tables: all('table').length,
    headless: all('table').filter(t => !t.querySelector('th[scope]')).length,
    unscoped: all('th:not([scope])').length,
    unnamed: all('svg:not([aria-hidden=true])').filter(s =>
        !s.closest('[aria-hidden=true]') && !(s.getAttribute('role') === 'img' && s.querySelector('title') && s.querySelector('desc').textContent)).length,
    twice: all('[id]').map(e => e.id).filter((id, at, ids) => ids.indexOf(id) !== at),
    nowhere: all('a[href^="#"]').filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.hash),
};
"""

FOCUSED = """
const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
return {
    what: e.tagName + ' ' + (e.getAttribute('href') || e.getAttribute('aria-label') || ''),
    place: [...document.querySelectorAll('*')].indexOf(e),
    outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
    shown: box.width > 0 && box.height > 0 && box.left >= 0 && box.top < innerHeight && box.bottom > 0,
};
"""


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = page.start()

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()

    def log(self, kind):
        return self.browser.get_log(kind)

    def test_nothing_is_complained_about_and_nothing_is_fetched(self):
        for kind in ["browser", "performance"]:
            self.log(kind)
        for scheme in SCHEMES:
            page.show(self.browser, scheme=scheme)
        self.assertEqual(self.log("browser"), [])
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        self.assertTrue(asked, "the page itself is seen")
        others = [url for url in asked if url != page.PAGE.as_uri() and not url.startswith("data:")]
        self.assertEqual(others, [])

    def test_the_answer_is_there(self):
        page.show(self.browser)
        text = self.browser.execute_script("return document.body.innerText")
        verdict = page.REPORT["verdict"]
        for sentence in [verdict["summary"], "The figures are simulated", "Predicted and measured", "Provenance",
                      "aiperf 0.13.0", "aiconfigurator 0.12.0", "ClientSaturated", "kubectl apply -f comparison.yaml"]:
            self.assertIn(sentence, text)
        for variant in page.REPORT["variants"]:
            rows = self.browser.execute_script(
                "return [...document.querySelectorAll('table.levels')].find(t => t.caption.textContent.startsWith(arguments[0]))"
                ".querySelectorAll('tbody tr').length", variant["name"])
            self.assertEqual(rows, len(variant["levels"]))

    def test_plots_show_every_level(self):
        page.show(self.browser)
        plots = self.browser.execute_script(PLOTS)
        self.assertEqual(len(plots), 7)
        measured = sum(bool(level.get("measured")) for v in page.REPORT["variants"] for level in v["levels"])
        for plot in plots:
            self.assertGreaterEqual(plot["width"], 300, plot)
            self.assertGreaterEqual(plot["height"], 200, plot)
            self.assertEqual(plot["outside"], [], plot["name"])
            self.assertGreaterEqual(plot["texts"], 6, plot)
            self.assertEqual(plot["measured"], measured, plot)
            lines = 0 if plot["name"].startswith(("Median", "Measured over")) else len(page.REPORT["variants"])
            self.assertEqual(plot["estimated"], lines, "there are no estimates of medians, and one is a ratio to them")
        limited = [plot["name"] for plot in plots if plot["limits"]]
        self.assertGreaterEqual(len(limited), 2, "TTFT and TPOT have limits")

    def test_a_narrow_window_scrolls_downwards_only(self):
        for width in [400, 320]:
            page.show(self.browser, width=width)
            found, wide = self.browser.execute_script(TOO_WIDE)
            self.assertEqual(wide, [])
            self.assertLessEqual(found, width)

    def test_text_and_marks_stand_out(self):
        for scheme in SCHEMES:
            page.show(self.browser, scheme=scheme)
            texts, faint = self.browser.execute_script(FAINT)
            self.assertGreater(texts, 300)
            self.assertEqual(faint, [], scheme)
            marks, faint = self.browser.execute_script(FAINT_MARKS)
            self.assertGreater(marks, 60)
            self.assertEqual(faint, [], scheme)
        paper = [self.paper(scheme) for scheme in SCHEMES]
        self.assertNotEqual(*paper)

    def paper(self, scheme, media="screen"):
        page.show(self.browser, scheme=scheme, media=media)
        return self.browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor")

    def test_it_prints(self):
        page.show(self.browser, scheme="dark")
        pages = page.text_of(page.printed(self.browser))
        text = " ".join(" ".join(pages).split())
        for sentence in [page.REPORT["verdict"]["summary"], "The figures are simulated", "How to reproduce"]:
            self.assertIn(" ".join(sentence.split()), text)
        self.assertTrue(all(len(text.split()) > 20 for text in pages), "no page is wasted")
        self.assertLessEqual(len(pages), 8)
        self.assertEqual(self.paper("dark", "print"), "rgb(255, 255, 255)", "paper is white")
        _, faint = self.browser.execute_script(FAINT)
        self.assertEqual(faint, [])

    def test_what_a_screen_reader_goes_by(self):
        page.show(self.browser)
        found = self.browser.execute_script(STRUCTURE)
        self.assertEqual((found["language"], found["landmarks"]), ("en", [1, 1, 1, 1]))
        self.assertEqual(found["headings"].count(1), 1)
        jumps = [(a, b) for a, b in zip(found["headings"], found["headings"][1:]) if b > a + 1]
        self.assertEqual(jumps, [])
        self.assertGreater(found["tables"], 5)
        for what in ["uncaptioned", "headless", "unscoped", "unnamed"]:
            self.assertEqual(found[what], 0, what)
        for what in ["twice", "nowhere"]:
            self.assertEqual(found[what], [], what)

    def test_the_keyboard_gets_everywhere_and_shows_where_it_is(self):
        for width in [1280, 400]:
            page.show(self.browser, width=width)
            places = []
            for _ in range(100):
                ActionChains(self.browser).send_keys(Keys.TAB).perform()
                focused = self.browser.execute_script(FOCUSED)
                if focused["what"].startswith("BODY") or focused["place"] in [known["place"] for known in places]:
                    break
                self.assertGreaterEqual(focused["outline"], 2, focused)
                self.assertTrue(focused["shown"], focused)
                places.append(focused)
            names = [place["what"] for place in places]
            self.assertEqual(names[0], "A #main")
            for what in ["A #plots", "DIV Levels of baseline", "DIV The comparison as YAML"]:
                self.assertIn(what, names)

    def test_axe_finds_nothing(self):
        for width in [1280, 400]:
            for scheme in SCHEMES:
                page.show(self.browser, width=width, scheme=scheme)
                self.browser.execute_script(AXE)
                found = self.browser.execute_async_script(
                    "const done = arguments[arguments.length - 1];"
                    "axe.run({resultTypes: ['violations']}).then(done, error => done({error: String(error)}))")
                self.assertNotIn("error", found)
                self.assertGreater(len(found["passes"]), 20)
                violations = [(v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found["violations"]]
                self.assertEqual(violations, [], f"{width} px, {scheme}")


if __name__ == "__main__":
    unittest.main()
