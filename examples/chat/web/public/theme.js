// Before the first paint, so that nothing flashes. A file, as the page's policy forbids scripts in the page.
{
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
