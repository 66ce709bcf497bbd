// Windows: resolves Node-API in the program that has loaded us. The import library names NODE.EXE,
// but the host may be called anything else.

#include <delayimp.h>
#include <windows.h>

#include <cstring>

namespace {

FARPROC WINAPI UseHostProcess(unsigned int event, DelayLoadInfo* info) {
  if (event != dliNotePreLoadLibrary || _stricmp(info->szDll, "NODE.EXE") != 0) return nullptr;
  return reinterpret_cast<FARPROC>(GetModuleHandle(nullptr));
}

}  // namespace

extern "C" const PfnDliHook __pfnDliNotifyHook2 = UseHostProcess;
