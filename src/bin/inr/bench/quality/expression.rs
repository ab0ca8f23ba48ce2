//! What users write, checked word by word and handed to exmex in the one way it cannot misread: variables by number in
//! braces, numbers without exponents, functions of two values between them. What exmex reads in another way than
//! mathematics does (`-a^2`, `a^b^c`) is refused.

use anyhow::{Result, bail, ensure};

const FUNCTIONS: [&str; 25] = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "cbrt", "ceil", "cos", "cosh", "exp", "floor", "fract",
    "ln", "log10", "log2", "round", "signum", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
];
const OF_TWO: [&str; 3] = ["atan2", "max", "min"];
const CONSTANTS: [(&str, f64); 2] = [("pi", std::f64::consts::PI), ("e", std::f64::consts::E)];

/// A word of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Number(f64),
    /// `{like this}`.
    Quoted(&'a str),
    Word(&'a str),
    Mark(char),
}

/// Splits an expression.
fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (token, n) = if first.is_ascii_digit() || first == '.' {
            let n = number(rest);
            match rest[..n].parse::<f64>() {
                Ok(value) if value.is_finite() => (Token::Number(value), n),
                _ => bail!("'{}' is not a number", &rest[..n]),
            }
        } else if first == '{' {
            let Some(n) = rest.find('}') else { bail!("a '{{' lacks its '}}'") };
            (Token::Quoted(&rest[1..n]), n + 1)
        } else if word > 0 {
            (Token::Word(&rest[..word]), word)
        } else {
            ensure!("+-*/^(),".contains(first), "'{first}' has no meaning here");
            (Token::Mark(first), 1)
        };
        tokens.push(token);
        rest = rest[n..].trim_start();
    }
    Ok(tokens)
}

/// Bytes of the number that `text` begins with: digits, one point, an exponent.
fn number(text: &str) -> usize {
    let digits = |from: usize| from + text[from..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - from);
    let mut n = digits(0);
    if text[n..].starts_with('.') {
        n = digits(n + 1);
    }
    let exponent = text[n..].strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
    match exponent {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => digits(text.len() - rest.len()),
        _ => n,
    }
}

/// How the value that is read stands in what is around it.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Sign,
    Power,
}

/// What is read between two parentheses, or outside all.
struct Level {
    /// The function of two values it belongs to, and whether its comma has come.
    of_two: Option<(&'static str, bool)>,
    before: Before,
}

/// An expression on its way to exmex.
struct Rewriter<'a> {
    names: &'a [&'a str],
    out: String,
    levels: Vec<Level>,
    /// True behind a value.
    behind_value: bool,
}

/// The expression as exmex is to read it: `{i}` is `names[i]`.
pub fn rewrite(text: &str, names: &[&str]) -> Result<String> {
    let tokens = tokens(text)?;
    let outside = Level { of_two: None, before: Before::Nothing };
    let mut rewriter = Rewriter { names, out: String::new(), levels: vec![outside], behind_value: false };
    let mut rest = tokens.as_slice();
    while let Some((&token, behind)) = rest.split_first() {
        rest = behind;
        let called = rest.first() == Some(&Token::Mark('('));
        match token {
            Token::Mark(mark) => rewriter.mark(mark)?,
            Token::Word(name) if called => {
                rewriter.call(name)?;
                rest = &rest[1..];
            }
            Token::Word(name) => rewriter.word(name)?,
            Token::Quoted(name) => rewriter.variable(name)?,
            Token::Number(value) => rewriter.value(&value.to_string())?,
        }
    }
    ensure!(rewriter.behind_value, "a value is missing at its end");
    ensure!(rewriter.levels.len() == 1, "a '(' lacks its ')'");
    Ok(rewriter.out)
}

impl Rewriter<'_> {
    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the outside is never left")
    }

    fn starts_value(&self, what: &str) -> Result<()> {
        ensure!(!self.behind_value, "an operator is missing before '{what}'");
        Ok(())
    }

    fn value(&mut self, text: &str) -> Result<()> {
        self.starts_value(text)?;
        self.out += text;
        self.behind_value = true;
        Ok(())
    }

    fn variable(&mut self, name: &str) -> Result<()> {
        match self.names.iter().position(|known| *known == name) {
            Some(i) => {
                self.starts_value(name)?;
                self.value(&format!("{{{i}}}"))
            }
            None => bail!("'{name}' is no variable: there are {}", self.names.join(", ")),
        }
    }

    /// A variable, else a constant.
    fn word(&mut self, name: &str) -> Result<()> {
        if FUNCTIONS.contains(&name) || OF_TWO.contains(&name) {
            ensure!(self.names.contains(&name), "the function '{name}' lacks its parentheses");
        }
        match CONSTANTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, value)) if !self.names.contains(&name) => self.value(&value.to_string()),
            _ => self.variable(name),
        }
    }

    /// A function and the parenthesis behind it.
    fn call(&mut self, name: &str) -> Result<()> {
        self.starts_value(name)?;
        let of_two = OF_TWO.into_iter().find(|known| *known == name);
        if of_two.is_none() {
            let known = FUNCTIONS.contains(&name);
            ensure!(known, "there is no function '{name}': there are {}, {}", FUNCTIONS.join(", "), OF_TWO.join(", "));
            self.out += name;
        }
        self.open(of_two);
        Ok(())
    }

    fn open(&mut self, of_two: Option<&'static str>) {
        self.out += if of_two.is_some() { "((" } else { "(" };
        self.levels.push(Level { of_two: of_two.map(|name| (name, false)), before: Before::Nothing });
        self.behind_value = false;
    }

    fn mark(&mut self, mark: char) -> Result<()> {
        match mark {
            '(' => {
                self.starts_value("(")?;
                self.open(None);
                return Ok(());
            }
            '+' | '-' if !self.behind_value => self.level().before = Before::Sign,
            _ if !self.behind_value => bail!("a value is missing before '{mark}'"),
            ')' => return self.close(),
            ',' => return self.comma(),
            '^' => self.power()?,
            _ => self.level().before = Before::Nothing,
        }
        self.out.push(mark);
        self.behind_value = false;
        Ok(())
    }

    fn power(&mut self) -> Result<()> {
        match self.level().before {
            Before::Sign => bail!("a sign before a power can be read in two ways: write -(a^b) or (-a)^b"),
            Before::Power => bail!("two powers in a row can be read in two ways: write (a^b)^c or a^(b^c)"),
            Before::Nothing => self.level().before = Before::Power,
        }
        Ok(())
    }

    fn comma(&mut self) -> Result<()> {
        let Some((name, false)) = self.level().of_two else { bail!("a ',' has no meaning here") };
        *self.level() = Level { of_two: Some((name, true)), before: Before::Nothing };
        self.out += &format!(") {name} (");
        self.behind_value = false;
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        ensure!(self.levels.len() > 1, "a ')' lacks its '('");
        match self.levels.pop().and_then(|level| level.of_two) {
            Some((name, false)) => bail!("the function '{name}' takes two values"),
            of_two => self.out += if of_two.is_some() { "))" } else { ")" },
        }
        Ok(())
    }
}
